#pragma once

#include "layers/layer.h"

namespace dl {

// One line a layer, in the order of the alphabet; layers/registry.cpp lists them.
LayerKind linear_kind();
LayerKind relu_kind();

}  // namespace dl
