#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/file_system.h"
#include "core/sha256.h"
#include "core/shape.h"

namespace dl {

/// A tensor in a safetensors file: little-endian, row-major.
struct TensorView {
  std::string name;
  std::string dtype = "F32";  // as the specification spells it
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;

  /// The bytes as floats; only for F32.
  std::span<const float> floats() const {
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }
};

/// A tensor's shape for people: "(64, 3, 7, 7)".
std::string shape_text(const std::vector<std::int64_t>& shape);

/// A view of floats that belong to somebody else.
TensorView float_tensor(std::string name, std::vector<std::int64_t> shape,
                        std::span<const float> values);

/// A safetensors file in memory (https://github.com/huggingface/safetensors, "Format"). The header
/// is checked in full before memory for the data is taken: its size, JSON, names, types, shapes,
/// and that the tensors tile the data without holes or overlap.
class SafetensorsFile {
 public:
  /// Throws UserError (ExitCode::weights) that names the file and what is wrong with it. `digest`
  /// gets the size and hash of what was read.
  static SafetensorsFile read(const std::string& path, FileDigest* digest = nullptr);
  /// The same for bytes that are there already; `path` is for messages.
  static SafetensorsFile parse(std::string_view bytes, const std::string& path);

  const std::vector<TensorView>& tensors() const { return tensors_; }  // in the order of their data
  const TensorView* find(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Source;
  static SafetensorsFile load(const Source& source, const std::string& path, FileDigest* digest);

  std::unique_ptr<std::byte[]> bytes_;  // moving the file keeps the views valid
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string_view, std::size_t> places_;  // by the names in tensors_
  std::map<std::string, std::string> metadata_;
};

/// The tensor `name` of a file, which must be f32 of that shape. Throws UserError
/// (ExitCode::weights); `path` is for messages.
std::span<const float> expect_tensor(const SafetensorsFile& file, const std::string& path,
                                     const std::string& name, const Shape& shape);

/// The header of a file with these tensors: 8 bytes of length and JSON, padded so that data starts
/// at a multiple of 8. The data of the tensors follows in the same order.
std::string safetensors_header(std::span<const TensorView> tensors,
                               const std::map<std::string, std::string>& metadata);

/// Writes and syncs such a file. Throws FileError.
FileDigest write_safetensors(FileSystem& files, const std::string& path,
                             std::span<const TensorView> tensors,
                             const std::map<std::string, std::string>& metadata);

}  // namespace dl
