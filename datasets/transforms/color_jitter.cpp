#include "datasets/transforms/color_jitter.h"

#include <cstring>

#include "core/error.h"
#include "datasets/images/image_buffers.h"
#include "datasets/transforms/transform_kinds.h"
#include "datasets/transforms/transform_util.h"

namespace dl {
namespace {

/// How far a property is changed: by a number, to both sides, or between [min, max].
struct Strength {
  std::vector<double> values{0.0};

  /// `middle`: what leaves it as it is, and `least` what cannot be gone below.
  std::optional<DrawnRange> around(double middle, double least) const {
    const double first = values[0];
    DrawnRange range{first, values.back()};
    if (values.size() == 1) range = {std::max(middle - first, least), middle + first};
    if (range.min == middle && range.max == middle) return std::nullopt;
    return range;
  }
};

}  // namespace

template <>
struct ValueType<Strength> {
  static std::string name() { return "float or list of float"; }
  static Strength read(const ConfigNode& node, const Limits& limits) {
    if (!node.is_list()) return {{ValueType<double>::read(node, between(0, limits.max))}};
    const DrawnRange range = ValueType<DrawnRange>::read(node, limits);
    return {{range.min, range.max}};
  }
  static std::string text(const Strength& strength) { return number_text(strength.values[0]); }
};

namespace {

struct Params {
  Strength brightness, contrast, saturation, hue;
};
ParamTable<Params> param_table() {
  return {with_default("brightness", &Params::brightness, at_least(0),
                       "by what it is multiplied: from 1 - x to 1 + x, or [min, max]"),
          with_default("contrast", &Params::contrast, at_least(0),
                       "by what the distance from the mean is multiplied, likewise"),
          with_default("saturation", &Params::saturation, at_least(0),
                       "by what the distance from grey is multiplied, likewise"),
          with_default("hue", &Params::hue, between(-0.5, 0.5),
                       "by what part of the colour circle hues are turned: from -x to x, or [min, "
                       "max]")};
}

class ColorJitter final : public Transform {
 public:
  explicit ColorJitter(const Params& params)
      : ranges_{params.brightness.around(1, 0), params.contrast.around(1, 0),
                params.saturation.around(1, 0), params.hue.around(0, -0.5)} {}

  void plan(TransformPlan& plan) const override {
    const std::int64_t channels = expect_picture(plan)[0];
    if (!plan.pixels) throw ShapeError("the samples are no pictures of bytes");
    if (channels != 1 && channels != 3) {
      throw ShapeError("the pictures have " + std::to_string(channels) +
                       " channels, neither 1 (grey) nor 3 (red, green, blue)");
    }
    if (plan.normalised || plan.erased)
      throw ShapeError("must stand before normalize and random_erasing");
    plan.windowed = plan.random = true;
  }

  bool changes_pixels() const override { return true; }
  PictureView change(const PictureView& picture, Random& random,
                     PictureBuffers& buffers) const override {
    const std::int64_t count = picture.height * picture.width;
    const auto bytes = static_cast<std::size_t>(picture.channels * count);
    if (buffers.jittered.size() < bytes) buffers.jittered.resize(bytes);
    std::uint8_t* pixels = buffers.jittered.data();
    std::memcpy(pixels, picture.pixels, bytes);
    apply_jitter({pixels, picture.channels, count, picture.planar}, draw_jitter(ranges_, random));
    return {pixels, picture.channels, picture.height, picture.width, picture.planar};
  }

 private:
  JitterRanges ranges_;
};

}  // namespace

Jitter draw_jitter(const JitterRanges& ranges, Random& random) {
  Jitter jitter;
  for (std::size_t i = jitter.order.size(); i > 1; --i)
    std::swap(jitter.order[i - 1], jitter.order[random.below(i)]);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i])
      jitter.factor[i] =
          random.uniform(static_cast<float>(ranges[i]->min), static_cast<float>(ranges[i]->max));
  }
  return jitter;
}

void apply_jitter(const EditedPicture& picture, const Jitter& jitter) {
  constexpr std::array kAdjust = {adjust_brightness, adjust_contrast, adjust_saturation,
                                  adjust_hue};
  for (const int which : jitter.order) {
    const auto at = static_cast<std::size_t>(which);
    if (jitter.factor[at]) kAdjust[at](picture, *jitter.factor[at]);
  }
}

TransformKind color_jitter_kind() {
  TransformKind kind = make_kind<ColorJitter>(
      "color_jitter", "changes brightness, contrast, saturation and hue at random, in random order",
      param_table());
  kind.make = [make = std::move(kind.make)](const ConfigNode& node) {
    if (node.entries().empty()) {
      throw UserError(node.mark(), "changes nothing as it stands",
                      "give it brightness, contrast, saturation or hue: {brightness: 0.4}");
    }
    return make(node);
  };
  return kind;
}

}  // namespace dl
