#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  float negative_slope = 0.01F;
};

ParamTable<Params> param_table() {
  return {
      with_default("negative_slope", &Params::negative_slope, between(0, 1e6), "slope below 0")};
}

Activation activation(const Params& params) {
  return {dnnl::algorithm::eltwise_relu, params.negative_slope};
}

}  // namespace

LayerKind leaky_relu_kind() {
  return activation_kind("leaky_relu", "x, or negative_slope x below 0", param_table(), activation)
      .also({"lrelu"});
}

}  // namespace dl
