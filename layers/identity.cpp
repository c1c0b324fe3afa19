#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind identity_kind() {
  return plain_activation("identity",
                          "x itself: a place in a block where a var may choose a function",
                          {dnnl::algorithm::eltwise_linear, 1, 0})
      .also({"noop", "passthrough"});
}

}  // namespace dl
