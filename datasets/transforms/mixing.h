#pragma once

#include <optional>
#include <span>

#include "datasets/transforms/random_box.h"
#include "datasets/transforms/transform.h"

namespace dl {

/// What a batch is mixed by. Sample i is mixed with sample n - 1 - i of the n, so that all pairs
/// are mixed in place; the middle one of an odd number stays as it is.
struct BatchMix {
  double share = 1;               // of a sample's own label, and of its own values without a box
  std::optional<PictureBox> box;  // which comes from the other one, whole
};

/// A draw from the Beta distribution with both parameters `alpha`.
double draw_beta(double alpha, Random& random);
/// Cutmix's box: as much of the picture as `share` leaves, around `middle` (row, column) and cut
/// off at the border; the share becomes what is really left.
BatchMix box_mix(double share, std::int64_t height, std::int64_t width,
                 std::array<std::int64_t, 2> middle);
/// One of the rules there are, if its probability says so; a share of 1 changes nothing.
BatchMix draw_mix(const MixRules& rules, std::int64_t height, std::int64_t width, Random random);

/// share * own + (1 - share) * other, for `samples` of equal length.
void blend_samples(std::span<float> values, std::size_t samples, double share);
/// Exchanges the box between the pictures of each pair.
void exchange_boxes(float* values, std::size_t samples, const PicturePlacing& place,
                    const PictureBox& box);

}  // namespace dl
