#include <cmath>

#include "engine/train/optimizer.h"

namespace dl {
namespace {

/// PyTorch's defaults: only decoupled decay is on unless said otherwise.
template <bool kDecoupled>
struct Params {
  CommonOptimizerParams common = CommonOptimizerParams::with_decay(kDecoupled ? 0.01F : 0.0F);
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  bool amsgrad = false;
};

template <class P>
ParamTable<P> param_table() {
  return {
      with_default("betas", &P::betas, from_to_below(0, 1),
                   "decay of the means of the gradient and of its square"),
      with_default("eps", &P::eps, at_least(0), "added to the denominator"),
      with_default("amsgrad", &P::amsgrad,
                   "divides by the largest mean square so far (Reddi et al. 2018)"),
  };
}

/// The numbers of one update that are the same for all elements of a slice.
struct Factors {
  float scale, coupled_decay, keep;  // keep: what decoupled decay leaves of a weight
  float rate1, rate2;                // 1 - beta: exact where beta itself would be rounded near 1
  float step_size, inverse_root, eps;
};

DL_VECTORISED void adam_update(float* __restrict w, const float* __restrict g,
                               float* __restrict mean, float* __restrict square, std::size_t n,
                               Factors f) {
  for (std::size_t i = 0; i < n; ++i) {
    const float d = g[i] * f.scale + f.coupled_decay * w[i];
    mean[i] += f.rate1 * (d - mean[i]);
    square[i] += f.rate2 * (d * d - square[i]);
    w[i] = w[i] * f.keep - f.step_size * mean[i] / (std::sqrt(square[i]) * f.inverse_root + f.eps);
  }
}

DL_VECTORISED void amsgrad_update(float* __restrict w, const float* __restrict g,
                                  float* __restrict mean, float* __restrict square,
                                  float* __restrict largest, std::size_t n, Factors f) {
  for (std::size_t i = 0; i < n; ++i) {
    const float d = g[i] * f.scale + f.coupled_decay * w[i];
    mean[i] += f.rate1 * (d - mean[i]);
    square[i] += f.rate2 * (d * d - square[i]);
    largest[i] = largest[i] > square[i] ? largest[i] : square[i];
    w[i] = w[i] * f.keep - f.step_size * mean[i] / (std::sqrt(largest[i]) * f.inverse_root + f.eps);
  }
}

/// torch.optim.Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019,
/// algorithm 2).
template <bool kDecoupled>
class Adam final : public Optimizer {
 public:
  explicit Adam(Params<kDecoupled> params) : params_(std::move(params)) {}

  std::vector<std::string> slot_names() const override {
    std::vector<std::string> names = {"exp_avg", "exp_avg_sq"};
    if (params_.amsgrad) names.emplace_back("max_exp_avg_sq");
    return names;
  }

  bool has_momentum() const override { return true; }

  void step(const Update& update) const override {
    const double beta1 = update.rates.momentum.value_or(params_.betas[0]);
    for_each_slice(update.slices, [&](const ParamSlice& slice, std::size_t begin, std::size_t end) {
      const auto number = static_cast<double>(update.number_of(slice));
      const double correction1 = 1.0 - std::pow(beta1, number);
      const double correction2 = 1.0 - std::pow(params_.betas[1], number);
      const double lr = update.rates.lr * slice.lr_mult;
      const Factors factors{
          .scale = update.grad_scale,
          .coupled_decay = kDecoupled ? 0.0F : slice.weight_decay,
          .keep = kDecoupled ? static_cast<float>(1.0 - lr * slice.weight_decay) : 1.0F,
          .rate1 = static_cast<float>(1.0 - beta1),
          .rate2 = static_cast<float>(1.0 - params_.betas[1]),
          .step_size = static_cast<float>(lr / correction1),
          .inverse_root = static_cast<float>(1.0 / std::sqrt(correction2)),
          .eps = static_cast<float>(params_.eps)};
      float* w = update.weights.data() + begin;
      const float* g = update.gradients.data() + begin;
      float* mean = update.slots[0].data() + begin;
      float* square = update.slots[1].data() + begin;
      if (params_.amsgrad) {
        amsgrad_update(w, g, mean, square, update.slots[2].data() + begin, end - begin, factors);
      } else {
        adam_update(w, g, mean, square, end - begin, factors);
      }
    });
  }

 private:
  Params<kDecoupled> params_;
};

/// The row of the registry; refuses betas that are not two, before they are used.
template <bool kDecoupled>
Kind<OptimizerChoice> checked_kind(std::string_view name, std::string_view summary,
                                   std::string_view decay_doc) {
  using P = Params<kDecoupled>;
  auto kind = optimizer_kind<Adam<kDecoupled>>(name, summary, param_table<P>(), decay_doc);
  kind.make = [make = kind.make](const ConfigNode& node) {
    const ConfigNode* betas = node.find("betas");
    OptimizerChoice choice = make(node);
    if (betas && betas->items().size() != 2) {
      throw UserError(betas->mark(), "betas: expected two numbers, found " +
                                         std::to_string(betas->items().size()));
    }
    return choice;
  };
  return kind;
}

}  // namespace

Kind<OptimizerChoice> adam_kind() {
  return checked_kind<false>("adam", "Adam (torch.optim.Adam)",
                             "added to the gradient times the weight (L2)");
}

Kind<OptimizerChoice> adamw_kind() {
  return checked_kind<true>("adamw", "Adam with decoupled weight decay (torch.optim.AdamW)",
                            "taken from the weight itself, times the learning rate");
}

}  // namespace dl
