#include "datasets/transforms/transform_util.h"

namespace dl {

PerChannel ValueType<PerChannel>::read(const ConfigNode& node, const Limits& limits) {
  if (!node.is_list()) return {{ValueType<float>::read(node, limits)}};
  PerChannel all{ValueType<std::vector<float>>::read(node, limits)};
  if (all.values.empty()) throw UserError(node.mark(), "is an empty list");
  return all;
}

DrawnRange ValueType<DrawnRange>::read(const ConfigNode& node, const Limits& limits) {
  if (!node.is_list() || node.items().size() != 2)
    throw UserError(node.mark(), "expected [min, max], found " + node.describe());
  const auto values = ValueType<std::vector<double>>::read(node, limits);
  if (values[0] > values[1]) {
    throw UserError(node.mark(), "begins at " + number_text(values[0]) + " and ends below, at " +
                                     number_text(values[1]));
  }
  return {values[0], values[1]};
}

std::array<std::int64_t, 3> expect_picture(const TransformPlan& plan) {
  if (const auto picture = plan.picture()) return *picture;
  throw ShapeError("the samples are no pictures (channels, height, width)");
}

void expect_unerased(const TransformPlan& plan) {
  if (plan.erased) throw ShapeError("must stand before random_erasing");
}

void check_axes(std::string_view key, const Spatial& both) {
  if (both.sizes.size() <= 2) return;
  throw ShapeError(std::string(key) + " has " + std::to_string(both.sizes.size()) +
                   " sizes, expected one or [height, width]");
}

void check_channels(std::string_view key, const PerChannel& all, std::int64_t channels) {
  if (all.values.size() == 1 || static_cast<std::int64_t>(all.values.size()) == channels) return;
  throw ShapeError(std::string(key) + " has " + std::to_string(all.values.size()) + " values for " +
                   std::to_string(channels) + (channels == 1 ? " channel" : " channels"));
}

std::int64_t along(const Spatial& both, std::size_t axis) {
  return both.sizes[both.sizes.size() == 1 ? 0 : axis];
}

}  // namespace dl
