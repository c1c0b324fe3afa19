#pragma once

#include <string>
#include <vector>

#include "engine/onnx/model.h"
#include "engine/onnx/preprocessing.h"
#include "layers/onnx_writer.h"

namespace dl {

/// What the ends of a model need beside what layers do.
class OnnxEndsWriter : public OnnxWriter {
 public:
  /// A tensor of one axis of the model's own.
  virtual std::string doubles(std::vector<double> values) = 0;
  /// The name that the input gets.
  virtual std::string add_input(const std::string& wish, OnnxType type,
                                std::vector<std::int64_t> dims) = 0;
};

/// Adds the input, or one for each column where some hold words, and returns what the network
/// reads, a tensor of that shape.
std::string write_preprocessing(OnnxEndsWriter& onnx, const OnnxPreprocessing& preprocessing,
                                const std::string& name, const Shape& shape);

/// What a prediction is of the network's output, a tensor of that shape.
std::string write_postprocessing(OnnxEndsWriter& onnx, const OnnxPreprocessing& preprocessing,
                                 const std::string& tensor, const Shape& shape);

}  // namespace dl
