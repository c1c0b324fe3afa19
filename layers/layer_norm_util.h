#pragma once

#include "layers/layer.h"

namespace dl {

/// A row-wise normalisation, (src - mean) / sqrt(variance + eps) [* weight + bias], and what its
/// gradient needs.
struct RowNorm {
  dnnl::layer_normalization_forward::primitive_desc desc;
  Value src, dst;  // (rows, size)
  std::optional<Value> mean, variance;
  float eps = 0;
  bool affine = false;  // with the node's weights "weight" and "bias", of `size` values
};

/// oneDNN writes a piece of code for each few numbers of a row: throws ShapeError where a row of
/// the norm has more of them than that is good for.
void require_row(std::string_view layer, std::int64_t size);

/// `src` is (rows, size) and row-major.
RowNorm record_row_norm(Tape& tape, const Value& src, float eps, bool affine);

/// The gradient of the source; adds those of the weights.
Value record_row_norm_grad(Tape& tape, const RowNorm& forward, const Value& diff_dst);

/// The same values row-major and under another shape.
Value reshaped(Tape& tape, const Value& value, const Shape& shape);

}  // namespace dl
