#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind tanh_kind() {
  return plain_activation("tanh", "hyperbolic tangent", {dnnl::algorithm::eltwise_tanh});
}

}  // namespace dl
