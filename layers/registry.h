#pragma once

#include "layers/layer.h"

namespace dl {

// One line a layer, in the order of the alphabet; layers/registry.cpp lists them.
LayerKind add_kind();
LayerKind avg_pool_kind();
LayerKind batch_norm_kind();
LayerKind conv_kind();
LayerKind cross_entropy_kind();
LayerKind dropout_kind();
LayerKind flatten_kind();
LayerKind global_avg_pool_kind();
LayerKind group_norm_kind();
LayerKind layer_norm_kind();
LayerKind linear_kind();
LayerKind lrn_kind();
LayerKind max_pool_kind();
LayerKind relu_kind();

}  // namespace dl
