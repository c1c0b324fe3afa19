#pragma once

#include <optional>

#include "layers/layer.h"

namespace dl {

/// How a weight starts, as the config says it: `weight_init: {kaiming_normal: {mode: fan_out}}`.
struct InitChoice {
  std::string text;
  Initializer fill;
};
template <>
struct ValueType<InitChoice> {
  static std::string name() { return "initialiser"; }
  static InitChoice read(const ConfigNode&, const Limits&);
  static std::string text(const InitChoice& choice) { return choice.text; }
};

const std::vector<Kind<Initializer>>& all_initializers();

Initializer constant_init(float value);
Initializer uniform_init(float low, float high);
Initializer normal_init(float mean, float std);
/// PyTorch's default for the weights of Linear and ConvNd: kaiming_uniform with a = sqrt(5), which
/// is uniform in +-1/sqrt(fan_in).
Initializer default_weight_init();
/// PyTorch's default for their biases: uniform in +-1/sqrt(fan_in) of the layer.
Initializer default_bias_init(std::int64_t fan_in);

/// `choice`, or `standard` where the config does not say.
Initializer init_or(const std::optional<InitChoice>& choice, Initializer standard);

}  // namespace dl
