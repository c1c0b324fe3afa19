#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  float alpha = 1;
};

ParamTable<Params> param_table() {
  return {with_default("alpha", &Params::alpha, between(0, 1e6), "minus the value far below 0")};
}

Activation activation(const Params& params) { return {dnnl::algorithm::eltwise_elu, params.alpha}; }

}  // namespace

LayerKind elu_kind() {
  return activation_kind("elu", "x, or alpha (exp(x) - 1) below 0", param_table(), activation);
}

}  // namespace dl
