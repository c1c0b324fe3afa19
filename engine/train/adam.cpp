#include <cmath>

#include "engine/train/optimizer.h"

namespace dl {
namespace {

struct Params {
  CommonOptimizerParams common;
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  bool amsgrad = false;
};

ParamTable<Params> param_table() {
  return {
      with_default("betas", &Params::betas, from_to_below(0, 1),
                   "decay of the means of the gradient and of its square"),
      with_default("eps", &Params::eps, at_least(0), "added to the denominator"),
      with_default("amsgrad", &Params::amsgrad,
                   "divides by the largest mean square so far (Reddi et al. 2018)"),
  };
}

/// The numbers of one update that are the same for all elements of a slice.
struct Factors {
  float scale, coupled_decay, keep;  // keep: what decoupled decay leaves of a weight
  float beta1, beta2, step_size, inverse_root, eps;
};

DL_VECTORISED void adam_update(float* __restrict w, const float* __restrict g,
                               float* __restrict mean, float* __restrict square, std::size_t n,
                               Factors f) {
  for (std::size_t i = 0; i < n; ++i) {
    const float d = g[i] * f.scale + f.coupled_decay * w[i];
    mean[i] = f.beta1 * mean[i] + (1.0F - f.beta1) * d;
    square[i] = f.beta2 * square[i] + (1.0F - f.beta2) * d * d;
    w[i] = w[i] * f.keep - f.step_size * mean[i] / (std::sqrt(square[i]) * f.inverse_root + f.eps);
  }
}

DL_VECTORISED void amsgrad_update(float* __restrict w, const float* __restrict g,
                                  float* __restrict mean, float* __restrict square,
                                  float* __restrict largest, std::size_t n, Factors f) {
  for (std::size_t i = 0; i < n; ++i) {
    const float d = g[i] * f.scale + f.coupled_decay * w[i];
    mean[i] = f.beta1 * mean[i] + (1.0F - f.beta1) * d;
    square[i] = f.beta2 * square[i] + (1.0F - f.beta2) * d * d;
    largest[i] = largest[i] > square[i] ? largest[i] : square[i];
    w[i] = w[i] * f.keep - f.step_size * mean[i] / (std::sqrt(largest[i]) * f.inverse_root + f.eps);
  }
}

/// torch.optim.Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019,
/// algorithm 2).
class Adam : public Optimizer {
 public:
  Adam(Params params, bool decoupled) : params_(std::move(params)), decoupled_(decoupled) {}

  std::vector<std::string> slot_names() const override {
    std::vector<std::string> names = {"exp_avg", "exp_avg_sq"};
    if (params_.amsgrad) names.emplace_back("max_exp_avg_sq");
    return names;
  }

  void step(const Update& update) const override {
    const double correction1 = 1.0 - std::pow(params_.betas[0], static_cast<double>(update.number));
    const double correction2 = 1.0 - std::pow(params_.betas[1], static_cast<double>(update.number));
    for_each_slice(update.slices, [&](const ParamSlice& slice, std::size_t begin, std::size_t end) {
      const double lr = update.lr * slice.lr_mult;
      const Factors factors{
          .scale = update.grad_scale,
          .coupled_decay = decoupled_ ? 0.0F : slice.weight_decay,
          .keep = decoupled_ ? static_cast<float>(1.0 - lr * slice.weight_decay) : 1.0F,
          .beta1 = static_cast<float>(params_.betas[0]),
          .beta2 = static_cast<float>(params_.betas[1]),
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
  Params params_;
  bool decoupled_;
};

struct Coupled final : Adam {
  explicit Coupled(Params params) : Adam(std::move(params), false) {}
};
struct Decoupled final : Adam {
  explicit Decoupled(Params params) : Adam(std::move(params), true) {}
};

/// Refuses betas that are not two, before they are used.
Kind<OptimizerChoice> checked(Kind<OptimizerChoice> kind) {
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
  return checked(optimizer_kind<Coupled>("adam", "Adam (torch.optim.Adam)", param_table(),
                                         "added to the gradient times the weight (L2)"));
}

Kind<OptimizerChoice> adamw_kind() {
  return checked(optimizer_kind<Decoupled>(
      "adamw", "Adam with decoupled weight decay (torch.optim.AdamW)", param_table(),
      "taken from the weight itself, times the learning rate"));
}

}  // namespace dl
