#pragma once

#include "layers/tape.h"

namespace dl {

/// The weights of a layer into which a norm is folded.
struct FoldedWeights {
  Value weight;  // PyTorch's shape, row-major
  Value bias;    // (out_channels)
};

/// Records, once per update, what weight and bias of this node come to with tape.norm() applied
/// behind them: weight * scale and (bias - mean) * scale + shift with scale = norm's weight /
/// sqrt(variance + eps), for each channel of the result. `bias`: this node has one.
FoldedWeights record_folded_weights(Tape& tape, bool bias);

}  // namespace dl
