#include "datasets/transforms/random_box.h"

#include <cmath>

namespace dl {
namespace {

constexpr int kTries = 10;

/// Half to even, as the rounding mode is.
std::int64_t rounded(double value) { return static_cast<std::int64_t>(std::nearbyint(value)); }

}  // namespace

std::array<std::int64_t, 2> sides_of(double area, double ratio) {
  return {rounded(std::sqrt(area * ratio)), rounded(std::sqrt(area / ratio))};
}

std::array<std::int64_t, 2> draw_sides(const BoxRule& rule, double whole, Random& random) {
  const auto uniform = [&](double low, double high) {
    return low + (high - low) * random.uniform();
  };
  const double area = whole * uniform(rule.area.min, rule.area.max);
  return sides_of(area, std::exp(uniform(std::log(rule.ratio.min), std::log(rule.ratio.max))));
}

PictureBox draw_place(std::int64_t height, std::int64_t width, std::int64_t box_height,
                      std::int64_t box_width, Random& random) {
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound)));
  };
  const std::int64_t top = below(height - box_height + 1);
  return {top, below(width - box_width + 1), box_height, box_width};
}

PictureBox draw_crop(std::int64_t height, std::int64_t width, const BoxRule& rule, Random& random) {
  const double whole = static_cast<double>(height) * static_cast<double>(width);
  for (int i = 0; i < kTries; ++i) {
    const auto [across, down] = draw_sides(rule, whole, random);
    if (across > 0 && across <= width && down > 0 && down <= height)
      return draw_place(height, width, down, across, random);
  }
  return middle_box(height, width, rule.ratio);
}

PictureBox middle_box(std::int64_t height, std::int64_t width, const DrawnRange& ratio) {
  const double own = static_cast<double>(width) / static_cast<double>(height);
  PictureBox box{0, 0, height, width};
  if (own < ratio.min) box.height = rounded(static_cast<double>(width) / ratio.min);
  if (own > ratio.max) box.width = rounded(static_cast<double>(height) * ratio.max);
  // A picture of a few pixels could be rounded away.
  box.height = std::max<std::int64_t>(box.height, 1);
  box.width = std::max<std::int64_t>(box.width, 1);
  box.top = (height - box.height) / 2;
  box.left = (width - box.width) / 2;
  return box;
}

std::optional<PictureBox> draw_erased(std::int64_t height, std::int64_t width, const BoxRule& rule,
                                      Random& random) {
  const double whole = static_cast<double>(height) * static_cast<double>(width);
  for (int i = 0; i < kTries; ++i) {
    const auto [down, across] = draw_sides(rule, whole, random);
    if (down < height && across < width) return draw_place(height, width, down, across, random);
  }
  return std::nullopt;
}

}  // namespace dl
