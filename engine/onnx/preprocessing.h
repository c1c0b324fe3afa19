#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dl {

/// A column of a table, or a dimension of a series: a number, or one of some words.
struct OnnxColumn {
  std::string name;
  std::vector<std::string> words = {};
  double offset = 0, scale = 1;
  std::optional<double> fill = {};
};

/// What becomes of a sample on its way from a file to the network, and of the network's output on
/// its way to a prediction: what an exported model can do itself.
struct OnnxPreprocessing {
  /// In which order the network reads the numbers of an image.
  enum class Order { planes, rows, pixels };

  // Of an input, in this order.
  std::string input = {};
  std::vector<OnnxColumn> columns = {};    // empty, or what its last axis is made of
  bool bytes = false;                      // an image of bytes, which is divided by 255
  std::vector<float> mean = {}, std = {};  // empty, one, or one for each channel
  std::vector<std::int64_t> image = {};    // channels, height, width; empty: it is no image
  Order order = Order::planes;

  // Of the output.
  enum class Function { none, softmax, sigmoid };
  Function function = Function::none;
  std::vector<double> target_offset = {}, target_scale = {};  // empty, or of its last axis
};

/// What ONNX models of images say their classes are, as ultralytics writes it: {0: "cat", 1:
/// "dog"}.
std::string class_names_text(const std::vector<std::string>& names);
/// The names in such a text, whichever way they are quoted, or in a list; empty where it is
/// something else.
std::vector<std::string> read_class_names(const std::string& text);

}  // namespace dl
