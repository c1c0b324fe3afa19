#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  float beta = 1;
};

ParamTable<Params> param_table() {
  return {with_default("beta", &Params::beta, above_to(0, 1e6), "how sharply it bends")};
}

Activation activation(const Params& params) {
  return {dnnl::algorithm::eltwise_soft_relu, params.beta};
}

}  // namespace

LayerKind softplus_kind() {
  return activation_kind("softplus", "log(1 + exp(beta x)) / beta", param_table(), activation);
}

}  // namespace dl
