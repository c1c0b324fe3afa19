#pragma once

#include "layers/layer.h"

namespace dl {

/// Throws SourcesDiffer unless all sources have one shape; the hint is for shortcuts of residual
/// networks.
void require_same_shapes(std::span<const Shape> src);

/// Whether it is anything but row-major: blocked, or channels last.
bool has_own_layout(const dnnl::memory::desc& desc);

/// The layout that costs the fewest reorders to bring `src` (of one shape) to: that of the first
/// which a primitive laid out, else row-major.
dnnl::memory::desc common_layout(std::span<const Value> src);

}  // namespace dl
