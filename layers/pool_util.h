#pragma once

#include "layers/window_util.h"

namespace dl {

/// Keys of max_pool and avg_pool.
struct PoolParams {
  Spatial kernel_size;
  std::optional<Spatial> stride;
  Spatial padding = 0;
  Spatial dilation = 1;           // of max_pool
  bool count_include_pad = true;  // of avg_pool
  bool ceil_mode = false;
};
/// Those that both have.
ParamTable<PoolParams> pool_params();

/// Throws ShapeError where PyTorch refuses too: padding beyond half of the kernel.
Window pool_window(const PoolParams& params, const Shape& src);

/// Records a pooling and its gradient, all in the layout of `src`: with plain rows on one side and
/// blocks on the other oneDNN has only its reference implementation.
Recorded record_pooling(Tape& tape, const Value& src, dnnl::algorithm algorithm,
                        const Window& window);

}  // namespace dl
