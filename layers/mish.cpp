#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind mish_kind() {
  return plain_activation("mish", "x tanh(log(1 + exp(x)))", {dnnl::algorithm::eltwise_mish});
}

}  // namespace dl
