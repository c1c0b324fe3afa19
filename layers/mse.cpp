#include "core/parallel.h"
#include "layers/loss_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {};

DL_VECTORISED double squares(const float* x, const float* target, float* gradient, std::size_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    const float d = x[i] - target[i];
    sum += static_cast<double>(d) * d;
    if (gradient) gradient[i] = 2.0F * d;
  }
  return sum;
}

class Mse final : public Layer {
 public:
  explicit Mse(Params) {}
  std::vector<Shape> infer(std::span<const Shape> src) const override {
    return infer_element_loss(src);
  }
  void check_types(std::span<const Shape> src, const std::vector<bool>& whole) const override {
    require_mask_type(src, whole);
  }
  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    return record_element_loss(tape, "mse", srcs, squares);
  }
};

}  // namespace

LayerKind mse_kind() {
  LayerKind kind = make_kind<Mse>("mse", "mean of (prediction - target)^2 over all elements",
                                  {2, 3}, ParamTable<Params>{});
  kind.loss = LossTraits{.task = LossTask::numbers};
  kind.others = {"l2", "mean_squared_error", "squared_error"};
  return kind;
}

}  // namespace dl
