#include <cmath>

#include <algorithm>

#include "core/error.h"
#include "core/parallel.h"
#include "core/text.h"
#include "layers/loss_util.h"
#include "layers/math_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

/// One number for all outputs, or one for each.
struct OutputWeights {
  std::vector<float> values;
};

}  // namespace

template <>
struct ValueType<OutputWeights> {
  static std::string name() { return "float or list of float"; }
  static OutputWeights read(const ConfigNode& node, const Limits& limits) {
    if (node.is_list()) return {ValueType<std::vector<float>>::read(node, limits)};
    return {{ValueType<float>::read(node, limits)}};
  }
  static std::string text(const OutputWeights& weights) {
    return weights.values.size() == 1 ? ValueType<float>::text(weights.values[0])
                                      : ValueType<std::vector<float>>::text(weights.values);
  }
};

namespace {

struct Params {
  OutputWeights pos_weight = {{1.0F}};
};

ParamTable<Params> param_table() {
  return {
      with_default("pos_weight", &Params::pos_weight, between(0, 1e6),
                   "how much more a target of 1 weighs than one of 0; a number, or one for each "
                   "output: counts of negative by positive samples balance the classes")};
}

bool is_outside(float target) { return target < 0 || target > 1; }  // what is NaN is passed on

/// A target that is no probability would make the loss fall without bound.
[[noreturn]] void refuse_target(const float* target, std::size_t n) {
  const float found = *std::find_if(target, target + n, is_outside);
  throw UserError(
      ExitCode::data,
      "bce_with_logits: a target is " + number_text(found) + ", but it reads numbers from 0 to 1",
      "loss: mse predicts any number");
}

/// -(w t log s(x) + (1 - t) log(1 - s(x))) with s the sigmoid, computed without overflow.
DL_VECTORISED double cross_entropies(const float* x, const float* target, const float* weights,
                                     float* gradient, std::size_t n, int& outside) {
  double sum = 0;
  int found = 0;
#pragma omp simd reduction(+ : sum) reduction(| : found)
  for (std::size_t i = 0; i < n; ++i) {
    const float t = target[i];
    found |= static_cast<int>(is_outside(t));
    const float weight = 1.0F + (weights[i] - 1.0F) * t;
    const float e = fast_exp(-std::abs(x[i]));
    const float below = x[i] < 0 ? -x[i] : 0.0F;
    sum += (1.0F - t) * x[i] + weight * (fast_log1p(e) + below);
    const float opposite = (x[i] < 0 ? 1.0F : e) / (1.0F + e);  // s(-x)
    if (gradient) gradient[i] = (1.0F - t) - weight * opposite;
  }
  outside = found;
  return sum;
}

class BceWithLogits final : public Layer {
 public:
  explicit BceWithLogits(Params params) : weights_(std::move(params.pos_weight.values)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    const std::int64_t outputs = LossRows(src[0]).size;
    const auto count = static_cast<std::int64_t>(weights_.size());
    if (count != 1 && count != outputs) {
      throw ShapeError("pos_weight has " + std::to_string(count) + " numbers for " +
                       std::to_string(outputs) + " outputs");
    }
    return infer_element_loss(src);
  }
  void check_types(std::span<const Shape> src, const std::vector<bool>& whole) const override {
    require_mask_type(src, whole);
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    std::vector<float> weights = weights_;
    weights.resize(LossRows(srcs[0].shape()).size, weights_[0]);
    return record_element_loss(tape, "bce_with_logits", srcs,
                               [weights = std::move(weights)](const float* x, const float* target,
                                                              float* gradient, std::size_t n) {
                                 int outside = 0;
                                 const double sum = cross_entropies(x, target, weights.data(),
                                                                    gradient, n, outside);
                                 if (outside != 0) refuse_target(target, n);
                                 return sum;
                               });
  }

 private:
  std::vector<float> weights_;
};

}  // namespace

LayerKind bce_with_logits_kind() {
  LayerKind kind = make_kind<BceWithLogits>(
      "bce_with_logits",
      "binary cross-entropy of sigmoid(prediction) and a target of 0 to 1, "
      "mean over all elements",
      {2, 3}, param_table());
  kind.loss = LossTraits{.task = LossTask::yes_no};
  kind.others = {"bce", "binary_cross_entropy", "binary_cross_entropy_with_logits",
                 "sigmoid_cross_entropy"};
  return kind;
}

}  // namespace dl
