#include "engine/formats/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>

namespace dl {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

/// Takes the header's JSON event by event: anything that does not belong there stops it at once, so
/// that nesting costs nothing, and equal keys are seen (nlohmann's own tree keeps the last).
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::start:
        return go(Place::names);
      case Place::metadata_value:
        return go(Place::metadata);
      case Place::tensor_value:
        return go(Place::tensor);
      default:
        unexpected("an object");
    }
  }
  bool end_object() override {
    if (place_ == Place::names) return go(Place::end);
    if (place_ == Place::tensor) finish_tensor();
    return go(Place::names);
  }
  bool key(std::string& text) override {
    if (place_ == Place::names) return name(text);
    if (place_ == Place::metadata) {
      if (header_.metadata.contains(text)) refuse("__metadata__ has '" + text + "' twice");
      metadata_key_ = text;
      return go(Place::metadata_text);
    }
    if (!fields_.insert(text).second) refuse(where() + text + " stands twice");
    if (text == "dtype") return go(Place::dtype);
    if (text == "shape") return go(Place::shape_value);
    if (text == "data_offsets") return go(Place::offsets_value);
    refuse(where() + "unknown field '" + text + "'");
  }
  bool string(std::string& text) override {
    if (place_ == Place::metadata_text) {
      header_.metadata[metadata_key_] = text;
      return go(Place::metadata);
    }
    if (place_ != Place::dtype) unexpected("a text");
    if (bytes_of_dtype(text) == 0) refuse(where() + "unknown dtype '" + text + "'");
    header_.tensors.back().dtype = text;
    return go(Place::tensor);
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::shape_value) return go(Place::shape);
    if (place_ == Place::offsets_value) return go(Place::offsets);
    unexpected("a list");
  }
  bool end_array() override {
    if (place_ == Place::offsets && offsets_.size() != 2)
      refuse(where() + "data_offsets must be two numbers");
    return go(Place::tensor);
  }
  bool number_unsigned(std::uint64_t value) override {
    if (place_ == Place::shape) {
      if (value > std::numeric_limits<std::int64_t>::max()) refuse(where() + "its shape overflows");
      header_.tensors.back().shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_.size() == 2) refuse(where() + "data_offsets must be two numbers");
      offsets_.push_back(value);
    } else {
      unexpected("a number");
    }
    return true;
  }
  bool number_integer(std::int64_t) override { unexpected("a negative number"); }
  bool number_float(double, const std::string&) override {
    unexpected("a number that is not whole or too large");
  }
  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a truth value"); }
  bool binary(json::binary_t&) override { unexpected("bytes"); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    refuse("its header is no JSON object, from byte " + std::to_string(position) + " on");
  }

 private:
  /// What is open, or what must come next.
  enum class Place {
    start,
    names,
    metadata_value,
    metadata,
    metadata_text,
    tensor_value,
    tensor,
    dtype,
    shape_value,
    shape,
    offsets_value,
    offsets,
    end,
  };

  bool go(Place place) {
    place_ = place;
    return true;
  }
  bool name(const std::string& text) {
    if (!names_.insert(text).second) refuse("the name '" + text + "' stands twice in its header");
    if (text == "__metadata__") return go(Place::metadata_value);
    header_.tensors.push_back({text, {}, {}, 0, 0});
    fields_.clear();
    offsets_.clear();
    return go(Place::tensor_value);
  }
  void finish_tensor() {
    if (fields_.size() != 3) refuse(where() + "dtype, shape or data_offsets is missing");
    header_.tensors.back().begin = offsets_[0];
    header_.tensors.back().end = offsets_[1];
  }
  std::string where() const { return "tensor '" + header_.tensors.back().name + "': "; }
  [[noreturn]] void unexpected(const std::string& what) const {
    const bool in_metadata = place_ == Place::metadata_value || place_ == Place::metadata_text;
    if (in_metadata) refuse("__metadata__ must map texts to texts, it has " + what);
    if (place_ == Place::start) refuse("its header is " + what + " instead of an object");
    refuse(where() + what + " stands where it does not belong");
  }

  SafetensorsHeader header_;
  Place place_ = Place::start;
  std::unordered_set<std::string> names_, fields_;
  std::vector<std::uint64_t> offsets_;
  std::string metadata_key_;
};

void check_size(const TensorEntry& tensor, std::uint64_t data_bytes) {
  const std::string where = "tensor '" + tensor.name + "': ";
  std::uint64_t bytes = bytes_of_dtype(tensor.dtype);
  for (const std::int64_t dim : tensor.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dim), &bytes))
      refuse(where + "its shape overflows");
  }
  if (tensor.begin > tensor.end || tensor.end > data_bytes) {
    refuse(where + "its data_offsets [" + std::to_string(tensor.begin) + ", " +
           std::to_string(tensor.end) + "] lie outside the " + std::to_string(data_bytes) +
           " bytes of data");
  }
  if (tensor.end - tensor.begin != bytes) {
    refuse(where + "shape and dtype need " + std::to_string(bytes) + " bytes, its offsets give " +
           std::to_string(tensor.end - tensor.begin));
  }
}

void check_tiling(const std::vector<TensorEntry>& tensors, std::uint64_t data_bytes) {
  std::uint64_t at = 0;
  for (const TensorEntry& tensor : tensors) {
    if (tensor.begin != at) {
      refuse("tensor '" + tensor.name + "' " +
             (tensor.begin < at ? "overlaps the one before it" : "leaves a hole before it"));
    }
    at = tensor.end;
  }
  if (at != data_bytes) refuse(std::to_string(data_bytes - at) + " bytes follow the last tensor");
}

}  // namespace

std::uint64_t bytes_of_dtype(std::string_view dtype) {
  static constexpr std::pair<std::string_view, std::uint64_t> sizes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
  for (const auto& [name, bytes] : sizes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

SafetensorsHeader read_safetensors_header(std::string_view text, std::uint64_t data_bytes) {
  if (!text.starts_with('{')) refuse("its header does not begin with '{'");
  // nlohmann takes a zero byte for the end and would not look at what follows it.
  if (text.find('\0') != std::string_view::npos) refuse("its header has a zero byte");
  HeaderReader reader;
  json::sax_parse(text.begin(), text.end(), &reader);
  SafetensorsHeader header = reader.take();
  for (const TensorEntry& tensor : header.tensors) check_size(tensor, data_bytes);
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const TensorEntry& a, const TensorEntry& b) {
                     return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                   });
  check_tiling(header.tensors, data_bytes);
  return header;
}

}  // namespace dl
