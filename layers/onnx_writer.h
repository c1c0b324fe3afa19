#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/shape.h"

namespace dl {

/// An attribute of an ONNX operator.
using OnnxAttributeValue = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                                        std::vector<std::string>>;
using OnnxAttributes = std::vector<std::pair<std::string, OnnxAttributeValue>>;

/// Where a layer says what it is in operators of ONNX (opset 17). A tensor is known by its name
/// there; the first axis of what flows through the network is the batch, of any size, so that no
/// operator may hold it. Whatever nothing reads in the end is left out.
class OnnxWriter {
 public:
  virtual ~OnnxWriter() = default;

  virtual std::size_t src_count() const = 0;
  virtual const std::string& src(std::size_t i) const = 0;
  /// Its shape for a batch of one.
  virtual const Shape& src_shape(std::size_t i) const = 0;
  virtual bool src_is_integer(std::size_t i) const = 0;

  /// A weight or statistic of the layer as it is stored, by its name in Layer::weights().
  virtual std::string weight(std::string_view name) = 0;
  virtual std::span<const float> values(std::string_view name) const = 0;
  /// A tensor of the model's own.
  virtual std::string constant(const Shape& shape, std::vector<float> values) = 0;
  virtual std::string constant(std::vector<std::int64_t> values) = 0;  // one axis

  /// Adds an operator. An input "" is left out; so is the name of a result that is not asked for.
  virtual std::vector<std::string> add_all(std::string_view op, std::vector<std::string> inputs,
                                           OnnxAttributes attributes, std::size_t results) = 0;
  std::string add(std::string_view op, std::vector<std::string> inputs,
                  OnnxAttributes attributes = {}) {
    return add_all(op, std::move(inputs), std::move(attributes), 1)[0];
  }
  /// For people: in what the exported layer differs.
  virtual void note(const std::string& text) = 0;

  /// One number, which ONNX spreads over any shape.
  std::string number(float value) { return constant(Shape(std::vector<std::int64_t>{}), {value}); }
};

/// This layer, with these parameters, has no form in ONNX; the exporter adds which one it is.
class NoOnnxForm : public ShapeError {
 public:
  using ShapeError::ShapeError;
};

}  // namespace dl
