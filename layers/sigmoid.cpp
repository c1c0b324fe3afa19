#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind sigmoid_kind() {
  return plain_activation("sigmoid", "1 / (1 + exp(-x))", {dnnl::algorithm::eltwise_logistic})
      .also({"logistic"});
}

}  // namespace dl
