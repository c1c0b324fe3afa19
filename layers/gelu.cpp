#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

enum class Approximation { none, tanh };

struct Params {
  Approximation approximate = Approximation::none;
};

}  // namespace

template <>
struct EnumWords<Approximation> {
  static constexpr std::pair<std::string_view, Approximation> words[] = {
      {"none", Approximation::none}, {"tanh", Approximation::tanh}};
};

namespace {

ParamTable<Params> param_table() {
  return {with_default("approximate", &Params::approximate,
                       "tanh: the formula of the first GPTs instead of the exact one")};
}

Activation activation(const Params& params) {
  return {params.approximate == Approximation::tanh ? dnnl::algorithm::eltwise_gelu_tanh
                                                    : dnnl::algorithm::eltwise_gelu_erf};
}

}  // namespace

LayerKind gelu_kind() {
  return activation_kind("gelu", "x times the normal distribution function at x", param_table(),
                         activation);
}

}  // namespace dl
