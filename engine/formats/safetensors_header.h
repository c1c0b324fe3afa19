#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// A tensor as a safetensors header describes it; its data are the bytes [begin, end) of the data.
struct TensorEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  // in the order of their data
  std::map<std::string, std::string> metadata;
};

/// Bytes of one element; 0 when the specification has no such type.
std::uint64_t bytes_of_dtype(std::string_view dtype);

/// Reads the JSON of a header and checks all of it against a file with `data_bytes` after it.
/// Throws std::invalid_argument that says what is wrong.
SafetensorsHeader read_safetensors_header(std::string_view json, std::uint64_t data_bytes);

}  // namespace dl
