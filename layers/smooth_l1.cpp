#include <cmath>

#include "core/parallel.h"
#include "layers/loss_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  float beta = 1;
};

ParamTable<Params> param_table() {
  return {with_default("beta", &Params::beta, between(0, 1e6),
                       "differences d below it cost d^2 / (2 beta), larger ones d - beta / 2")};
}

DL_VECTORISED double smooth_distances(const float* x, const float* target, float* gradient,
                                      std::size_t n, float beta) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    const float d = x[i] - target[i];
    const float distance = std::abs(d);
    const bool near = distance < beta;
    sum += near ? 0.5F * d * d / beta : distance - 0.5F * beta;
    const float sign = d > 0 ? 1.0F : (d < 0 ? -1.0F : 0.0F);
    if (gradient) gradient[i] = near ? d / beta : sign;
  }
  return sum;
}

class SmoothL1 final : public Layer {
 public:
  explicit SmoothL1(Params params) : beta_(params.beta) {}
  std::vector<Shape> infer(std::span<const Shape> src) const override {
    return infer_element_loss(src);
  }
  void check_types(std::span<const Shape> src, const std::vector<bool>& whole) const override {
    require_mask_type(src, whole);
  }
  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    return record_element_loss(
        tape, "smooth_l1", srcs,
        [beta = beta_](const float* x, const float* target, float* gradient, std::size_t n) {
          return smooth_distances(x, target, gradient, n, beta);
        });
  }

 private:
  float beta_;
};

}  // namespace

LayerKind smooth_l1_kind() {
  LayerKind kind = make_kind<SmoothL1>(
      "smooth_l1", "mean of |prediction - target|, rounded off near zero, over all elements",
      {2, 3}, param_table());
  kind.loss = LossTraits{.task = LossTask::numbers};
  kind.others = {"huber"};
  return kind;
}

}  // namespace dl
