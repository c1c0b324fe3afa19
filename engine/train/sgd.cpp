#include "engine/train/optimizer.h"

namespace dl {
namespace {

struct Params {
  CommonOptimizerParams common;
  float momentum = 0;
  float dampening = 0;
  bool nesterov = false;
};

ParamTable<Params> param_table() {
  return {
      with_default("momentum", &Params::momentum, from_to_below(0, 1),
                   "share of the last update that goes on"),
      with_default("dampening", &Params::dampening, between(0, 1),
                   "share of the gradient kept out of the momentum"),
      with_default("nesterov", &Params::nesterov,
                   "looks ahead along the momentum (Sutskever et al. 2013)"),
  };
}

DL_VECTORISED void plain_update(float* __restrict w, const float* __restrict g, std::size_t n,
                                float scale, float decay, float lr) {
  for (std::size_t i = 0; i < n; ++i) w[i] -= lr * (g[i] * scale + decay * w[i]);
}

DL_VECTORISED void momentum_update(float* __restrict w, const float* __restrict g,
                                   float* __restrict buffer, std::size_t n, float scale,
                                   float decay, float lr, float momentum, float keep) {
  for (std::size_t i = 0; i < n; ++i) {
    buffer[i] = momentum * buffer[i] + keep * (g[i] * scale + decay * w[i]);
    w[i] -= lr * buffer[i];
  }
}

DL_VECTORISED void nesterov_update(float* __restrict w, const float* __restrict g,
                                   float* __restrict buffer, std::size_t n, float scale,
                                   float decay, float lr, float momentum, float keep) {
  for (std::size_t i = 0; i < n; ++i) {
    const float d = g[i] * scale + decay * w[i];
    buffer[i] = momentum * buffer[i] + keep * d;
    w[i] -= lr * (d + momentum * buffer[i]);
  }
}

/// torch.optim.SGD.
class Sgd final : public Optimizer {
 public:
  explicit Sgd(Params params) : params_(std::move(params)) {}

  std::vector<std::string> slot_names() const override {
    return params_.momentum > 0 ? std::vector<std::string>{"momentum_buffer"}
                                : std::vector<std::string>{};
  }

  bool has_momentum() const override { return params_.momentum > 0; }

  void step(const Update& update) const override {
    const auto momentum = static_cast<float>(update.rates.momentum.value_or(params_.momentum));
    // The first update starts the buffer at the gradient itself, undamped.
    for_each_slice(update.slices, [&](const ParamSlice& slice, std::size_t begin, std::size_t end) {
      const float keep = update.number_of(slice) == 1 ? 1.0F : 1.0F - params_.dampening;
      float* w = update.weights.data() + begin;
      const float* g = update.gradients.data() + begin;
      const auto lr = static_cast<float>(update.rates.lr * slice.lr_mult);
      if (params_.momentum == 0) {
        plain_update(w, g, end - begin, update.grad_scale, slice.weight_decay, lr);
        return;
      }
      float* buffer = update.slots[0].data() + begin;
      (params_.nesterov ? nesterov_update : momentum_update)(
          w, g, buffer, end - begin, update.grad_scale, slice.weight_decay, lr, momentum, keep);
    });
  }

 private:
  Params params_;
};

}  // namespace

Kind<OptimizerChoice> sgd_kind() {
  auto kind =
      optimizer_kind<Sgd>("sgd", "stochastic gradient descent, with momentum (torch.optim.SGD)",
                          param_table(), "added to the gradient times the weight (L2)");
  kind.make = [make = kind.make](const ConfigNode& node) {
    OptimizerChoice choice = make(node);
    const auto number = [&](const char* key) {
      return node.find(key) ? ValueType<float>::read(*node.find(key), any_value()) : 0.0F;
    };
    const ConfigNode* nesterov = node.find("nesterov");
    if (nesterov && nesterov->text() == "true" &&
        (number("momentum") == 0 || number("dampening") != 0)) {
      throw UserError(nesterov->mark(), "nesterov: needs a momentum and no dampening");
    }
    return choice;
  };
  return kind;
}

}  // namespace dl
