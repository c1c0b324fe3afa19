#pragma once

#include "layers/onnx_writer.h"
#include "layers/tape.h"
#include "layers/window_util.h"

namespace dl {

/// The operators of an element-wise function; returns their result.
std::string write_activation(OnnxWriter& onnx, const std::string& src,
                             const Activation& activation);

/// kernel_shape, strides, pads and dilations of a window.
OnnxAttributes window_attributes(const Window& window);

/// The same values under another shape of a sample.
std::string write_reshape(OnnxWriter& onnx, const std::string& src,
                          std::span<const std::int64_t> sample);

}  // namespace dl
