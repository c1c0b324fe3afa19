#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/random.h"
#include "datasets/transforms/transform_util.h"

namespace dl {

/// A grey or colour picture of bytes that is changed where it stands.
struct EditedPicture {
  std::uint8_t* pixels;
  std::int64_t channels, count;  // pixels of a channel
  bool planar;

  std::int64_t pixel_step() const { return planar ? 1 : channels; }
  std::int64_t plane_step() const { return planar ? count : 1; }
};

// What Pillow's ImageEnhance makes of a picture: 1 leaves it as it is, 0 makes it black, grey of
// one value, or grey; above 1 it is more of itself. The last moves all hues by a share of the
// circle, -0.5 to 0.5, in Pillow's HSV. Grey pictures have neither saturation nor hue.
void adjust_brightness(const EditedPicture& picture, float factor);
void adjust_contrast(const EditedPicture& picture, float factor);
void adjust_saturation(const EditedPicture& picture, float factor);
void adjust_hue(const EditedPicture& picture, float shift);

/// What is drawn: brightness, contrast, saturation and hue, in this order; none: it stays.
using JitterRanges = std::array<std::optional<DrawnRange>, 4>;
struct Jitter {
  std::array<int, 4> order{0, 1, 2, 3};  // in which the four are applied
  std::array<std::optional<float>, 4> factor;
};
Jitter draw_jitter(const JitterRanges& ranges, Random& random);
void apply_jitter(const EditedPicture& picture, const Jitter& jitter);

}  // namespace dl
