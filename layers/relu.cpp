#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind relu_kind() {
  return plain_activation("relu", "max(x, 0), element by element", {dnnl::algorithm::eltwise_relu});
}

}  // namespace dl
