#include <cmath>

#include "core/parallel.h"
#include "layers/loss_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {};

DL_VECTORISED double distances(const float* x, const float* target, float* gradient,
                               std::size_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    const float d = x[i] - target[i];
    sum += std::abs(d);
    if (gradient) gradient[i] = d > 0 ? 1.0F : (d < 0 ? -1.0F : 0.0F);
  }
  return sum;
}

class L1 final : public Layer {
 public:
  explicit L1(Params) {}
  std::vector<Shape> infer(std::span<const Shape> src) const override {
    return infer_element_loss(src);
  }
  void check_types(std::span<const Shape> src, const std::vector<bool>& whole) const override {
    require_mask_type(src, whole);
  }
  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    return record_element_loss(tape, "l1", srcs, distances);
  }
};

}  // namespace

LayerKind l1_kind() {
  LayerKind kind = make_kind<L1>("l1", "mean of |prediction - target| over all elements", {2, 3},
                                 ParamTable<Params>{});
  kind.loss = LossTraits{.task = LossTask::numbers};
  kind.others = {"mae", "mean_absolute_error", "absolute_error"};
  return kind;
}

}  // namespace dl
