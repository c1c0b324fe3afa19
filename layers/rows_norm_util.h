#pragma once

#include "layers/layer.h"

// Batch normalisation of data with channels last, as rows of channels. oneDNN's own takes twice as
// long in this layout, and ten times where the channels are no multiple of 8 (docs/adr/0007).
// Statistics are summed in one pass over the data, as distances from the first row, so that a mean
// far from zero costs no digits. The cut into pieces depends on the shape alone: any number of
// threads gives the same bits.
namespace dl {

struct RowsNorm {
  float eps = 0;
  bool relu = false;                  // dst = max(normalised, 0)
  bool given_statistics = false;      // else those of the batch are computed
  Value src;                          // channels last
  Value mean, variance;               // (C)
  std::optional<Value> weight, bias;  // (C); 1 and 0 without
};

/// Whether a value lies in memory as rows of channels.
bool has_channels_last(const Value& value);

/// Records dst = (src - mean) / sqrt(variance + eps) * weight + bias.
Value record_rows_norm(Tape& tape, const RowsNorm& norm);

struct RowsNormGradients {
  Value src, weight, bias;  // of weight and bias also where there are none
};
RowsNormGradients record_rows_norm_backward(Tape& tape, const RowsNorm& norm,
                                            const Value& diff_dst);

}  // namespace dl
