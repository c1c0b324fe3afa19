#pragma once

#include "datasets/transforms/transform.h"

namespace dl {

/// Makes the kind of a transform that is built from its parameters alone.
template <class T, class P>
TransformKind make_kind(std::string_view name, std::string_view summary, ParamTable<P> table) {
  return {name, summary, specs_of(table), [table](const ConfigNode& node) {
            return std::make_unique<T>(read_params(node, table));
          }};
}

/// A number for all channels, or one for each.
struct PerChannel {
  std::vector<float> values;

  float of(std::int64_t channel) const {
    return values.size() == 1 ? values[0] : values[static_cast<std::size_t>(channel)];
  }
};
template <>
struct ValueType<PerChannel> {
  static std::string name() { return "float or list of float"; }
  static PerChannel read(const ConfigNode& node, const Limits& limits);
  static std::string text(const PerChannel& all) {
    return ValueType<std::vector<float>>::text(all.values);
  }
};

/// The smallest and the largest value that is drawn.
struct DrawnRange {
  double min = 0, max = 0;
};
template <>
struct ValueType<DrawnRange> {
  static std::string name() { return "list of float"; }
  static DrawnRange read(const ConfigNode& node, const Limits& limits);
  static std::string text(const DrawnRange& range) {
    return ValueType<std::vector<double>>::text({range.min, range.max});
  }
};

/// Throws ShapeError when the samples are no pictures.
std::array<std::int64_t, 3> expect_picture(const TransformPlan& plan);
/// Throws ShapeError when a piece of the picture is erased already, in its place and its units.
void expect_unerased(const TransformPlan& plan);
/// Throws ShapeError when `key` has neither one size nor two.
void check_axes(std::string_view key, const Spatial& both);
/// Throws ShapeError when `key` has neither one number nor one for each channel.
void check_channels(std::string_view key, const PerChannel& all, std::int64_t channels);
/// The size along height (0) or width (1).
std::int64_t along(const Spatial& both, std::size_t axis);

}  // namespace dl
