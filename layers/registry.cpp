#include "layers/registry.h"

namespace dl {

const std::vector<LayerKind>& all_layers() {
  static const std::vector<LayerKind> kinds = {
      add_kind(),
      avg_pool_kind(),
      batch_norm_kind(),
      conv_kind(),
      cross_entropy_kind(),
      dropout_kind(),
      flatten_kind(),
      global_avg_pool_kind(),
      group_norm_kind(),
      layer_norm_kind(),
      linear_kind(),
      lrn_kind(),
      max_pool_kind(),
      relu_kind(),
  };
  return kinds;
}

}  // namespace dl
