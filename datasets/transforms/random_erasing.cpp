#include "datasets/transforms/random_box.h"
#include "datasets/transforms/transform_kinds.h"

namespace dl {
namespace {

/// What is put in: numbers, or `random`, a normal one for each place.
struct Filling {
  bool random = false;
  PerChannel values{{0.0F}};
};

}  // namespace

template <>
struct ValueType<Filling> {
  static std::string name() { return "float or list of float or random"; }
  static Filling read(const ConfigNode& node, const Limits& limits) {
    if (node.is_scalar() && node.text() == "random") return {.random = true, .values = {{0.0F}}};
    if (node.is_scalar() && (node.quoted() || !parse_double(node.text())))
      throw UserError(node.mark(), "expected a number, one for each channel, or random, found " +
                                       node.describe());
    return {.random = false, .values = ValueType<PerChannel>::read(node, limits)};
  }
  static std::string text(const Filling& filling) {
    return filling.values.values.size() == 1 ? number_text(filling.values.values[0])
                                             : ValueType<PerChannel>::text(filling.values);
  }
};

namespace {

struct Params {
  float p = 0.5F;
  DrawnRange scale{0.02, 0.33}, ratio{0.3, 3.3};
  Filling value;
};
ParamTable<Params> param_table() {
  return {with_default("p", &Params::p, between(0, 1), "probability of erasing a piece"),
          with_default("scale", &Params::scale, between(0, 1),
                       "the piece's share of the picture's area, [min, max]"),
          with_default("ratio", &Params::ratio, above(0),
                       "the piece's height over its width, [min, max]"),
          with_default(
              "value", &Params::value,
              "what stands there then, in the units of what the network gets: a number, one for "
              "each channel, or random: normal numbers")};
}

class RandomErasing final : public Transform {
 public:
  explicit RandomErasing(Params params) : params_(std::move(params)) {}

  void plan(TransformPlan& plan) const override {
    check_channels("value", params_.value.values, expect_picture(plan)[0]);
    plan.random = plan.erased = true;
  }

  void finish(float* picture, const PicturePlacing& place, Random& random) const override {
    if (random.uniform() >= params_.p) return;
    const auto box = draw_erased(place.height, place.width, {params_.scale, params_.ratio}, random);
    if (!box) return;
    for (std::int64_t c = 0; c < place.channels; ++c) {
      const float value = params_.value.values.of(c);
      for (std::int64_t y = box->top; y < box->top + box->height; ++y) {
        float* row = picture + c * place.plane_step + y * place.row_step;
        for (std::int64_t x = box->left; x < box->left + box->width; ++x)
          row[x * place.pixel_step] = params_.value.random ? random.normal() : value;
      }
    }
  }

 private:
  Params params_;
};

}  // namespace

TransformKind random_erasing_kind() {
  return make_kind<RandomErasing>("random_erasing", "puts a value into a random piece",
                                  param_table());
}

}  // namespace dl
