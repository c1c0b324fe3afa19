#pragma once

#include <cstdint>

#include "layers/layer.h"

namespace dl {

/// PyTorch's dropout: zeroes a share `p` of the elements and multiplies the others by 1 / (1 - p).
/// Which ones is a function of seed, step, micro batch, `stream` (see Tape::layer_key) and the
/// element's place in memory, and of nothing else: recorded again for the gradient, it takes the
/// same ones.
Value record_dropout(Tape& tape, const Value& src, float p, std::uint64_t stream);

}  // namespace dl
