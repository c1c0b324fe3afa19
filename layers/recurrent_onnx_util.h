#pragma once

#include "layers/onnx_writer.h"
#include "layers/recurrent_util.h"

namespace dl {

/// A stack of recurrent layers as ONNX has them: one operator for each layer, time before batch.
class RecurrentOnnx {
 public:
  RecurrentOnnx(OnnxWriter& onnx, const RecurrentParams& params, const RecurrentCell& cell,
                const RecurrentRoles& roles)
      : onnx_(onnx), params_(params), cell_(cell), roles_(roles) {}

  /// The names of the output, the final h and, of an LSTM, the final c.
  std::vector<std::string> write() const;

 private:
  struct Weights {
    std::string input, recurrent, bias, peephole;  // "": there is none
  };

  std::string op() const;
  OnnxAttributes attributes() const;
  std::string stacked(const std::string& name, std::int64_t layer, std::span<const int> order,
                      bool flat) const;
  std::string biases(std::int64_t layer) const;
  Weights weights(std::int64_t layer) const;
  std::string initial_states(std::optional<std::size_t> source) const;
  std::string share(const std::string& states, std::int64_t layer) const;
  std::string lengths() const;
  std::string merged(const std::string& y) const;
  std::string last(const std::string& states) const;
  std::string final_states(const std::vector<std::string>& states) const;

  OnnxWriter& onnx_;
  const RecurrentParams& params_;
  const RecurrentCell& cell_;
  const RecurrentRoles& roles_;
};

}  // namespace dl
