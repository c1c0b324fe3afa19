#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {

LayerKind hardswish_kind() {
  return plain_activation("hardswish", "x min(max(x + 3, 0), 6) / 6",
                          {dnnl::algorithm::eltwise_hardswish, 1.0F / 6, 0.5F});
}

}  // namespace dl
