#include "layers/registry.h"

namespace dl {

const std::vector<LayerKind>& all_layers() {
  static const std::vector<LayerKind> kinds = {
      linear_kind(),
      relu_kind(),
  };
  return kinds;
}

}  // namespace dl
