#pragma once

#include "engine/onnx/importer.h"

namespace dl {

/// How a window slides, as an operator's attributes say it; a number for each spatial axis.
struct OnnxWindow {
  std::vector<std::int64_t> kernel, stride, dilation, before, after;

  bool symmetric() const { return before == after; }
  /// The padding that conv and the poolings can do themselves: none where it is not symmetric.
  std::vector<std::int64_t> padding() const;
  /// What the layer reads: `src`, or a pad layer behind it with the padding that it cannot do.
  LayerPort padded(Importer& in, const LayerPort& src, float value) const {
    return symmetric() ? src : pad(in, src, value);
  }
  /// A pad layer behind `src`.
  LayerPort pad(Importer& in, const LayerPort& src, float value) const;
};

/// Reads strides, dilations, pads and auto_pad for a source of that shape.
OnnxWindow read_window(const OnnxNode& node, const std::vector<std::int64_t>& kernel,
                       const Shape& src);

}  // namespace dl
