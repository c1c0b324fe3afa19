#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dl {

/// Numbers of TensorProto.DataType that are read here.
enum class OnnxType : std::int32_t {
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  text = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
};

/// The operators of the standard that are for tables, in a domain of their own.
inline constexpr const char* kTablesDomain = "ai.onnx.ml";

/// A tensor whose sizes have been checked: row-major, little-endian.
struct OnnxTensor {
  std::string name;
  OnnxType type = OnnxType::f32;  // or a number that OnnxType lacks: then there are no bytes
  std::vector<std::int64_t> dims;
  std::string bytes;

  std::int64_t elements() const;
  /// Of real numbers: f32, f64, f16, bf16.
  bool is_real() const;
  /// The values of a tensor of real numbers, and of whole ones; none for another type.
  std::optional<std::vector<float>> floats() const;
  std::optional<std::vector<std::int64_t>> integers() const;
};

struct OnnxAttribute {
  std::string name;
  /// monostate: of a type that is not read (a graph, a list of tensors).
  std::variant<std::monostate, std::int64_t, float, std::string, std::vector<std::int64_t>,
               std::vector<float>, std::vector<std::string>, OnnxTensor>
      value;
};

struct OnnxNode {
  std::string op, domain, name;
  std::vector<std::string> inputs, outputs;  // "": left out
  std::vector<OnnxAttribute> attributes;

  /// The attribute's value where it is there and a T.
  template <class T>
  const T* find(std::string_view attribute) const {
    for (const OnnxAttribute& candidate : attributes)
      if (candidate.name == attribute) return std::get_if<T>(&candidate.value);
    return nullptr;
  }
  std::int64_t integer(std::string_view attribute, std::int64_t fallback) const;
  float real(std::string_view attribute, float fallback) const;
  std::string text(std::string_view attribute, const std::string& fallback) const;
  std::vector<std::int64_t> integers(std::string_view attribute,
                                     std::vector<std::int64_t> fallback) const;
  /// The input's name; "" where it is left out.
  const std::string& input(std::size_t i) const;
};

/// An input or output of the graph.
struct OnnxPort {
  std::string name;
  OnnxType type = OnnxType::f32;
  std::vector<std::int64_t> dims;  // -1: open
};

/// What a model says, without the way in which its file says it.
struct OnnxModel {
  std::int64_t opset = 17;
  std::string name;  // of the graph
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxPort> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> metadata = {};  // metadata_props
};

/// Whether a file's first bytes are those of an ONNX model.
bool looks_like_onnx(std::string_view start);

/// Reads and checks a model: sizes before anything is allocated, names, external data, which must
/// lie in the model's folder. Throws UserError (ExitCode::weights) that says what is wrong.
OnnxModel read_onnx(const std::string& path);

/// The file's bytes. Throws UserError (ExitCode::output) beyond the 2 GB that the format allows.
std::string onnx_bytes(const OnnxModel& model);

}  // namespace dl
