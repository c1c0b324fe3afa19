#include "datasets/transforms/mixing.h"

#include <cmath>
#include <utility>

#include "core/parallel.h"
#include "datasets/transforms/transform_kinds.h"

namespace dl {
namespace {

struct Params {
  float alpha = 1, p = 1;
};
ParamTable<Params> param_table() {
  return {with_default("alpha", &Params::alpha, above(0),
                       "shares are drawn from Beta(alpha, alpha): small, and one sample has nearly "
                       "all"),
          with_default("p", &Params::p, between(0, 1), "probability that a batch is mixed")};
}

/// Batches are mixed behind everything else, which is where the list must say it.
class Mixing : public Transform {
 public:
  Mixing(const Params& params, std::optional<MixRule> MixRules::*rule)
      : params_(params), rule_(rule) {}

  void plan(TransformPlan& plan) const override {
    DataSpec& spec = plan.spec;
    if (spec.inputs.size() != 1) throw ShapeError("the samples have several inputs");
    if (spec.inputs[0].type == DataType::s32) throw ShapeError("the samples are tokens");
    const bool labels = spec.targets.size() == 1 && spec.targets[0].type == DataType::s32 &&
                        spec.targets[0].shape.empty() && spec.classes;
    if (!labels && plan.one_hot_classes == 0) {
      throw ShapeError("the data has no labels",
                       "labels become class probabilities, which can be mixed");
    }
    if (labels) {
      plan.soft_labels = true;
      plan.one_hot_classes = *spec.classes;
      spec.targets[0].type = DataType::f32;
      spec.targets[0].shape = {*spec.classes};
    }
    plan.mix.*rule_ = MixRule{params_.alpha, params_.p};
    plan.mixing = true;
  }

 private:
  Params params_;
  std::optional<MixRule> MixRules::*rule_;
};

class Mixup final : public Mixing {
 public:
  explicit Mixup(const Params& params) : Mixing(params, &MixRules::mixup) {}
};

class Cutmix final : public Mixing {
 public:
  explicit Cutmix(const Params& params) : Mixing(params, &MixRules::cutmix) {}
  void plan(TransformPlan& plan) const override {
    if (plan.order == PictureOrder::planes) expect_picture(plan);
    Mixing::plan(plan);
  }
};

/// The logarithm of a draw from the Gamma distribution (Marsaglia and Tsang, 2000), which does not
/// vanish where alpha is small.
double draw_log_gamma(double alpha, Random& random) {
  const auto uniform = [&] { return (static_cast<double>(random.bits()) + 0.5) * 0x1p-32; };
  const double boost = alpha < 1 ? std::log(uniform()) / alpha : 0.0;
  const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = random.normal();
    const double v = std::pow(1.0 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d * v) + boost;
  }
}

DL_VECTORISED void blend_pair(float* a, float* b, float own, float other, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float first = a[i], second = b[i];
    a[i] = first * own + second * other;
    b[i] = second * own + first * other;
  }
}

}  // namespace

double draw_beta(double alpha, Random& random) {
  const double first = draw_log_gamma(alpha, random);
  return 1.0 / (1.0 + std::exp(draw_log_gamma(alpha, random) - first));
}

BatchMix box_mix(double share, std::int64_t height, std::int64_t width,
                 std::array<std::int64_t, 2> middle) {
  const double side = std::sqrt(1.0 - share);
  const auto range = [&](std::int64_t size, std::int64_t at) {
    const auto half = static_cast<std::int64_t>(static_cast<double>(size) * side) / 2;
    return std::pair(std::max<std::int64_t>(at - half, 0), std::min(at + half, size));
  };
  const auto [top, bottom] = range(height, middle[0]);
  const auto [left, right] = range(width, middle[1]);
  const PictureBox box{top, left, bottom - top, right - left};
  const auto area = [](std::int64_t h, std::int64_t w) { return static_cast<double>(h * w); };
  return {1.0 - area(box.height, box.width) / area(height, width), box};
}

BatchMix draw_mix(const MixRules& rules, std::int64_t height, std::int64_t width, Random random) {
  const bool both = rules.mixup && rules.cutmix;
  const bool boxes = both ? random.uniform() < 0.5F : rules.cutmix.has_value();
  const MixRule& rule = boxes ? *rules.cutmix : *rules.mixup;
  if (random.uniform() >= rule.p) return {};
  const double share = draw_beta(rule.alpha, random);
  if (!boxes) return {share, std::nullopt};
  const auto below = [&](std::int64_t size) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size)));
  };
  const std::int64_t row = below(height);
  return box_mix(share, height, width, {row, below(width)});
}

void blend_samples(std::span<float> values, std::size_t samples, double share) {
  const std::size_t size = values.size() / samples;
  const auto own = static_cast<float>(share), other = static_cast<float>(1.0 - share);
  for (std::size_t i = 0; i < samples / 2; ++i) {
    blend_pair(values.data() + i * size, values.data() + (samples - 1 - i) * size, own, other,
               size);
  }
}

void exchange_boxes(float* values, std::size_t samples, const PicturePlacing& place,
                    const PictureBox& box) {
  const std::int64_t size = place.channels * place.height * place.width;
  for (std::size_t i = 0; i < samples / 2; ++i) {
    float* first = values + static_cast<std::int64_t>(i) * size;
    float* second = values + static_cast<std::int64_t>(samples - 1 - i) * size;
    for (std::int64_t c = 0; c < place.channels; ++c) {
      for (std::int64_t y = box.top; y < box.top + box.height; ++y) {
        const std::int64_t row = c * place.plane_step + y * place.row_step;
        for (std::int64_t x = box.left; x < box.left + box.width; ++x)
          std::swap(first[row + x * place.pixel_step], second[row + x * place.pixel_step]);
      }
    }
  }
}

TransformKind mixup_kind() {
  return make_kind<Mixup>("mixup", "mixes the samples of a batch in pairs, and their labels",
                          param_table());
}

TransformKind cutmix_kind() {
  return make_kind<Cutmix>(
      "cutmix", "puts a piece of another picture of the batch into each, and mixes their labels",
      param_table());
}

}  // namespace dl
