#include "engine/onnx/model.h"

#include <cstring>

#include "engine/formats/float_formats.h"

namespace dl {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class T>
std::vector<std::int64_t> widened(const std::string& bytes) {
  std::vector<std::int64_t> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<std::int64_t>(value);
  }
  return values;
}

std::optional<FloatFormat> format_of(OnnxType type) {
  switch (type) {
    case OnnxType::f32:
      return FloatFormat::f32;
    case OnnxType::f64:
      return FloatFormat::f64;
    case OnnxType::f16:
      return FloatFormat::f16;
    case OnnxType::bf16:
      return FloatFormat::bf16;
    default:
      return std::nullopt;
  }
}

template <class T>
T value_or(const OnnxNode& node, std::string_view attribute, T fallback) {
  const T* value = node.find<T>(attribute);
  return value ? *value : std::move(fallback);
}

}  // namespace

std::int64_t OnnxTensor::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) count *= dim;
  return count;
}

bool OnnxTensor::is_real() const { return format_of(type).has_value(); }

std::optional<std::vector<float>> OnnxTensor::floats() const {
  const auto format = format_of(type);
  if (!format) return std::nullopt;
  return read_floats(*format, bytes_of(bytes));
}

std::optional<std::vector<std::int64_t>> OnnxTensor::integers() const {
  switch (type) {
    case OnnxType::i64:
      return widened<std::int64_t>(bytes);
    case OnnxType::i32:
      return widened<std::int32_t>(bytes);
    case OnnxType::u8:
    case OnnxType::boolean:
      return widened<std::uint8_t>(bytes);
    default:
      return std::nullopt;
  }
}

std::int64_t OnnxNode::integer(std::string_view attribute, std::int64_t fallback) const {
  return value_or(*this, attribute, fallback);
}

float OnnxNode::real(std::string_view attribute, float fallback) const {
  return value_or(*this, attribute, fallback);
}

std::string OnnxNode::text(std::string_view attribute, const std::string& fallback) const {
  return value_or(*this, attribute, fallback);
}

std::vector<std::int64_t> OnnxNode::integers(std::string_view attribute,
                                             std::vector<std::int64_t> fallback) const {
  return value_or(*this, attribute, std::move(fallback));
}

const std::string& OnnxNode::input(std::size_t i) const {
  static const std::string none;
  return i < inputs.size() ? inputs[i] : none;
}

}  // namespace dl
