#include "layers/initializer.h"

#include <cmath>

namespace dl {
namespace {

enum class FanMode { fan_in, fan_out };
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };

struct Fans {
  double in, out;
};

/// torch.nn.init._calculate_fan_in_and_fan_out: a weight is (out, in, kernel...).
Fans fans_of(const Shape& shape) {
  if (shape.rank() < 2) {
    const auto count = static_cast<double>(shape.elements());
    return {count, count};
  }
  const auto field = static_cast<double>(shape.elements() / (shape[0] * shape[1]));
  return {static_cast<double>(shape[1]) * field, static_cast<double>(shape[0]) * field};
}

/// torch.nn.init.calculate_gain.
double gain_of(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::tanh:
      return 5.0 / 3.0;
    case Nonlinearity::relu:
      return std::sqrt(2.0);
    case Nonlinearity::leaky_relu:
      return std::sqrt(2.0 / (1.0 + slope * slope));
    case Nonlinearity::selu:
      return 0.75;
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid:
      break;
  }
  return 1.0;
}

/// Normal or uniform values of the standard deviation that `std_of` computes from the fans.
template <class StdOf>
Initializer scaled_init(bool normal, StdOf std_of) {
  return [=](std::span<float> values, const Shape& shape, const Random& random) {
    const auto std = static_cast<float>(std_of(fans_of(shape)));
    const float bound = std::sqrt(3.0F) * std;
    (normal ? normal_init(0, std) : uniform_init(-bound, bound))(values, shape, random);
  };
}

}  // namespace

template <>
struct EnumWords<FanMode> {
  static constexpr std::pair<std::string_view, FanMode> words[] = {{"fan_in", FanMode::fan_in},
                                                                   {"fan_out", FanMode::fan_out}};
};
template <>
struct EnumWords<Nonlinearity> {
  static constexpr std::pair<std::string_view, Nonlinearity> words[] = {
      {"linear", Nonlinearity::linear}, {"sigmoid", Nonlinearity::sigmoid},
      {"tanh", Nonlinearity::tanh},     {"relu", Nonlinearity::relu},
      {"selu", Nonlinearity::selu},     {"leaky_relu", Nonlinearity::leaky_relu}};
};

namespace {

struct Kaiming {
  FanMode mode = FanMode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
  float a = 0;
};

Kind<Initializer> kaiming(std::string_view name, std::string_view summary, bool normal) {
  const ParamTable<Kaiming> table = {
      with_default("mode", &Kaiming::mode,
                   "fan_in keeps the variance of activations, fan_out of gradients"),
      with_default("nonlinearity", &Kaiming::nonlinearity, "what follows; decides the gain"),
      with_default("a", &Kaiming::a, "negative slope of leaky_relu"),
  };
  return {name, summary, specs_of(table), [=](const ConfigNode& node) {
            const Kaiming params = read_params(node, table);
            return scaled_init(normal, [params](Fans fans) {
              const double fan = params.mode == FanMode::fan_in ? fans.in : fans.out;
              return gain_of(params.nonlinearity, params.a) / std::sqrt(fan);
            });
          }};
}

struct Xavier {
  float gain = 1;
};

Kind<Initializer> xavier(std::string_view name, std::string_view summary, bool normal) {
  const ParamTable<Xavier> table = {
      with_default("gain", &Xavier::gain, above(0), "multiplies the standard deviation")};
  return {name, summary, specs_of(table), [=](const ConfigNode& node) {
            const double gain = read_params(node, table).gain;
            return scaled_init(
                normal, [gain](Fans fans) { return gain * std::sqrt(2.0 / (fans.in + fans.out)); });
          }};
}

struct Constant {
  float value = 0;
};

Kind<Initializer> constant() {
  const ParamTable<Constant> table = {required("value", &Constant::value, "every element")};
  return {"constant", "every element the same", specs_of(table),
          [=](const ConfigNode& node) { return constant_init(read_params(node, table).value); }};
}

struct Normal {
  float mean = 0;
  float std = 1;
};

Kind<Initializer> normal() {
  const ParamTable<Normal> table = {
      with_default("mean", &Normal::mean, "mean"),
      with_default("std", &Normal::std, at_least(0), "standard deviation")};
  return {"normal", "normal distribution", specs_of(table), [=](const ConfigNode& node) {
            const Normal params = read_params(node, table);
            return normal_init(params.mean, params.std);
          }};
}

struct Uniform {
  float low = 0;
  float high = 1;
};

Kind<Initializer> uniform() {
  const ParamTable<Uniform> table = {with_default("low", &Uniform::low, "lower end"),
                                     with_default("high", &Uniform::high, "upper end")};
  return {"uniform", "uniform distribution", specs_of(table), [=](const ConfigNode& node) {
            const Uniform params = read_params(node, table);
            if (params.low > params.high) throw UserError(node.mark(), "low is above high");
            return uniform_init(params.low, params.high);
          }};
}

}  // namespace

const std::vector<Kind<Initializer>>& all_initializers() {
  static const std::vector<Kind<Initializer>> kinds = {
      constant(),
      kaiming("kaiming_normal", "He et al. 2015, equation 10, normal", true),
      kaiming("kaiming_uniform", "He et al. 2015, equation 10, uniform", false),
      normal(),
      uniform(),
      xavier("xavier_normal", "Glorot and Bengio 2010, equation 12, normal", true),
      xavier("xavier_uniform", "Glorot and Bengio 2010, equation 16, uniform", false),
  };
  return kinds;
}

InitChoice ValueType<InitChoice>::read(const ConfigNode& node, const Limits&) {
  const TypedNode typed = read_typed(node, "an initialiser");
  const auto& kind =
      find_kind<Kind<Initializer>>(all_initializers(), typed.type, typed.type_mark, "initialiser");
  return {typed.type, kind.make(typed.params)};
}

Initializer constant_init(float value) {
  return [=](std::span<float> values, const Shape&, const Random&) {
    for (float& element : values) element = value;
  };
}

Initializer uniform_init(float low, float high) {
  return [=](std::span<float> values, const Shape&, Random random) {
    for (float& value : values) value = random.uniform(low, high);
  };
}

Initializer normal_init(float mean, float std) {
  return [=](std::span<float> values, const Shape&, Random random) {
    for (float& value : values) value = mean + std * random.normal();
  };
}

Initializer default_weight_init() {
  return scaled_init(false, [](Fans fans) { return 1.0 / std::sqrt(3.0 * fans.in); });
}

Initializer default_bias_init(std::int64_t fan_in) {
  const float bound = fan_in > 0 ? 1.0F / std::sqrt(static_cast<float>(fan_in)) : 0.0F;
  return uniform_init(-bound, bound);
}

Initializer init_or(const std::optional<InitChoice>& choice, Initializer standard) {
  return choice ? choice->fill : std::move(standard);
}

}  // namespace dl
