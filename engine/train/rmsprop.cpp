#include <cmath>

#include "engine/train/optimizer.h"

namespace dl {
namespace {

struct Params {
  CommonOptimizerParams common;
  double alpha = 0.99;
  float eps = 1e-8F;
  float momentum = 0;
  bool centered = false;
};

ParamTable<Params> param_table() {
  return {
      with_default("alpha", &Params::alpha, from_to_below(0, 1),
                   "decay of the mean of the squared gradient"),
      with_default("eps", &Params::eps, at_least(0), "added to the denominator"),
      with_default("momentum", &Params::momentum, from_to_below(0, 1),
                   "share of the last update that goes on"),
      with_default("centered", &Params::centered,
                   "divides by the standard deviation instead of the root mean square"),
  };
}

struct Factors {
  float scale, decay, lr, rate, eps, momentum;  // rate: 1 - alpha
};

/// `mean` and `buffer` may be null: not centered, no momentum.
template <bool kCentered, bool kMomentum>
inline void update_loop(float* __restrict w, const float* __restrict g, float* __restrict square,
                        float* __restrict mean, float* __restrict buffer, std::size_t n,
                        Factors f) {
  for (std::size_t i = 0; i < n; ++i) {
    const float d = g[i] * f.scale + f.decay * w[i];
    square[i] += f.rate * (d * d - square[i]);
    float variance = square[i];
    if constexpr (kCentered) {
      mean[i] += f.rate * (d - mean[i]);
      variance -= mean[i] * mean[i];
      variance = variance > 0.0F ? variance : 0.0F;  // rounding can bring it below
    }
    float change = d / (std::sqrt(variance) + f.eps);
    if constexpr (kMomentum) {
      buffer[i] = f.momentum * buffer[i] + change;
      change = buffer[i];
    }
    w[i] -= f.lr * change;
  }
}

DL_VECTORISED void rmsprop_update(float* w, const float* g, float* square, float* mean,
                                  float* buffer, std::size_t n, Factors f) {
  if (mean && buffer) update_loop<true, true>(w, g, square, mean, buffer, n, f);
  if (mean && !buffer) update_loop<true, false>(w, g, square, mean, buffer, n, f);
  if (!mean && buffer) update_loop<false, true>(w, g, square, mean, buffer, n, f);
  if (!mean && !buffer) update_loop<false, false>(w, g, square, mean, buffer, n, f);
}

/// torch.optim.RMSprop (Hinton's lecture 6e; centered: Graves 2013).
class RmsProp final : public Optimizer {
 public:
  explicit RmsProp(Params params) : params_(std::move(params)) {}

  std::vector<std::string> slot_names() const override {
    std::vector<std::string> names;
    names.reserve(3);  // or GCC 14 warns that the second might be written behind the first
    names.emplace_back("square_avg");
    if (params_.centered) names.emplace_back("grad_avg");
    if (params_.momentum > 0) names.emplace_back("momentum_buffer");
    return names;
  }

  bool has_momentum() const override { return params_.momentum > 0; }

  void step(const Update& update) const override {
    const auto momentum = static_cast<float>(update.rates.momentum.value_or(params_.momentum));
    for_each_slice(update.slices, [&](const ParamSlice& slice, std::size_t begin, std::size_t end) {
      const Factors factors{.scale = update.grad_scale,
                            .decay = slice.weight_decay,
                            .lr = static_cast<float>(update.rates.lr * slice.lr_mult),
                            .rate = static_cast<float>(1.0 - params_.alpha),
                            .eps = params_.eps,
                            .momentum = momentum};
      float* mean = params_.centered ? update.slots[1].data() + begin : nullptr;
      float* buffer =
          params_.momentum > 0 ? update.slots[params_.centered ? 2 : 1].data() + begin : nullptr;
      rmsprop_update(update.weights.data() + begin, update.gradients.data() + begin,
                     update.slots[0].data() + begin, mean, buffer, end - begin, factors);
    });
  }

 private:
  Params params_;
};

}  // namespace

Kind<OptimizerChoice> rmsprop_kind() {
  return optimizer_kind<RmsProp>("rmsprop", "RMSprop (torch.optim.RMSprop)", param_table(),
                                 "added to the gradient times the weight (L2)");
}

}  // namespace dl
