#pragma once

#include <array>
#include <optional>

#include "core/random.h"
#include "datasets/images/image.h"
#include "datasets/transforms/transform_util.h"

namespace dl {

/// A part of a picture.
struct PictureBox {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
  bool operator==(const PictureBox&) const = default;
};

/// What random boxes are like: their share of the picture's area, and the ratio of their sides,
/// which is uniform in its logarithm, so that 2 and 1/2 are as likely.
struct BoxRule {
  DrawnRange area, ratio;
};

/// Two sides that span `area` and of which the first is `ratio` times the second, rounded as
/// Python rounds.
std::array<std::int64_t, 2> sides_of(double area, double ratio);
/// As sides_of() a drawn area, of `whole`, and ratio.
std::array<std::int64_t, 2> draw_sides(const BoxRule& rule, double whole, Random& random);
/// Somewhere in a picture of that size.
PictureBox draw_place(std::int64_t height, std::int64_t width, std::int64_t box_height,
                      std::int64_t box_width, Random& random);

/// torchvision's RandomResizedCrop: ratio is width over height; after ten boxes that do not fit it
/// is the middle, as large as the ratios allow.
PictureBox draw_crop(std::int64_t height, std::int64_t width, const BoxRule& rule, Random& random);
PictureBox middle_box(std::int64_t height, std::int64_t width, const DrawnRange& ratio);

/// torchvision's RandomErasing: ratio is height over width; none after ten boxes that are not
/// smaller than the picture in both directions.
std::optional<PictureBox> draw_erased(std::int64_t height, std::int64_t width, const BoxRule& rule,
                                      Random& random);

}  // namespace dl
