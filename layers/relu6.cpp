#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind relu6_kind() {
  return plain_activation("relu6", "min(max(x, 0), 6)", {dnnl::algorithm::eltwise_clip_v2, 0, 6});
}

}  // namespace dl
