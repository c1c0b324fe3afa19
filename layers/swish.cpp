#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind swish_kind() {
  return plain_activation("swish", "x sigmoid(x), which PyTorch calls SiLU",
                          {dnnl::algorithm::eltwise_swish, 1})
      .also({"silu"});
}

}  // namespace dl
