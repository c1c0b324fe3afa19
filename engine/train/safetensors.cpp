#include "engine/train/safetensors.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/core/error.h"
#include "engine/core/text.h"

namespace dl {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the specification's own cap

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  throw UserError(ExitCode::weights, path + ": not a valid safetensors file: " + what);
}

std::uint64_t bytes_of_dtype(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
  const auto at = sizes.find(dtype);
  return at == sizes.end() ? 0 : at->second;
}

/// A .pt file is a zip or a bare pickle, and reading one means running it.
void refuse_pickle(std::string_view bytes, const std::string& path) {
  const bool zip = bytes.starts_with("PK\x03\x04");
  const bool pickle = bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5 &&
                      bytes.find('.') != std::string_view::npos &&
                      (path.ends_with(".pt") || path.ends_with(".pth") || path.ends_with(".pkl") ||
                       path.ends_with(".bin"));
  if (!zip && !pickle) return;
  throw UserError(ExitCode::weights,
                  path + ": a PyTorch pickle, which could run any code; dltool reads none",
                  "convert it: import torch; from safetensors.torch import save_file; "
                  "save_file(torch.load('w.pt', weights_only=True), 'w.safetensors')");
}

/// The JSON of the header. nlohmann keeps the last of two equal keys, so keys are watched while it
/// parses.
json parse_header(std::string_view text, const std::string& path) {
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > 8) damaged(path, "its header is nested too deeply");
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  try {
    json header = json::parse(text.begin(), text.end(), watch);
    if (!twice.empty()) damaged(path, "the name '" + twice + "' stands twice in its header");
    if (!header.is_object()) damaged(path, "its header is no JSON object");
    return header;
  } catch (const json::exception& error) {
    damaged(path, std::string("its header is no JSON: ") + error.what());
  }
}

std::uint64_t unsigned_number(const json& value, const std::string& path, const std::string& what) {
  if (!value.is_number_unsigned()) damaged(path, what + " is no whole number");
  return value.get<std::uint64_t>();
}

struct Entry {
  TensorView view;
  std::uint64_t begin, end;
};

Entry read_entry(const std::string& name, const json& value, std::uint64_t data_bytes,
                 const std::string& path) {
  const std::string where = "tensor '" + name + "': ";
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    damaged(path, where + "expected dtype, shape and data_offsets");
  }
  const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
  if (!dtype.is_string() || !shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    damaged(path, where + "a field has the wrong type");
  Entry entry;
  entry.view.name = name;
  entry.view.dtype = dtype.get<std::string>();
  std::uint64_t bytes = bytes_of_dtype(entry.view.dtype);
  if (bytes == 0) damaged(path, where + "unknown dtype '" + entry.view.dtype + "'");
  for (const json& dim : shape) {
    const std::uint64_t size = unsigned_number(dim, path, where + "a dimension");
    if (size > (std::uint64_t{1} << 62) || __builtin_mul_overflow(bytes, size, &bytes))
      damaged(path, where + "its shape overflows");
    entry.view.shape.push_back(static_cast<std::int64_t>(size));
  }
  entry.begin = unsigned_number(offsets[0], path, where + "an offset");
  entry.end = unsigned_number(offsets[1], path, where + "an offset");
  if (entry.begin > entry.end || entry.end > data_bytes)
    damaged(path, where + "its offsets lie outside the file");
  if (entry.end - entry.begin != bytes) {
    damaged(path, where + "shape and dtype need " + std::to_string(bytes) +
                      " bytes, its offsets give " + std::to_string(entry.end - entry.begin));
  }
  return entry;
}

void check_tiling(std::vector<Entry>& entries, std::uint64_t data_bytes, const std::string& path) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      damaged(path,
              "tensor '" + entry.view.name + "' " +
                  (entry.begin < at ? "overlaps the one before it" : "leaves a hole before it"));
    at = entry.end;
  }
  if (at != data_bytes)
    damaged(path, std::to_string(data_bytes - at) + " bytes after the last tensor");
}

}  // namespace

TensorView float_tensor(std::string name, std::vector<std::int64_t> shape,
                        std::span<const float> values) {
  return {std::move(name), "F32", std::move(shape), std::as_bytes(values)};
}

SafetensorsFile SafetensorsFile::read(const std::string& path) {
  try {
    return parse(read_file(path), path);
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

SafetensorsFile SafetensorsFile::parse(std::string bytes, const std::string& path) {
  refuse_pickle(bytes, path);
  if (bytes.size() < 8)
    damaged(path,
            "it has " + std::to_string(bytes.size()) + " bytes, fewer than a header's length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMaxHeader)
    damaged(path,
            "its header claims " + std::to_string(length) + " bytes; at most 100 MB are allowed");
  if (length > bytes.size() - 8)
    damaged(path, "its header claims " + std::to_string(length) + " bytes, the file has " +
                      std::to_string(bytes.size() - 8));
  const std::string_view text = std::string_view(bytes).substr(8, length);
  if (!text.starts_with('{')) damaged(path, "its header does not begin with '{'");
  const json header = parse_header(text, path);
  const std::uint64_t data_bytes = bytes.size() - 8 - length;

  SafetensorsFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(read_entry(name, value, data_bytes, path));
      continue;
    }
    if (!value.is_object()) damaged(path, "__metadata__ is no map of texts");
    for (const auto& [key, word] : value.items()) {
      if (!word.is_string()) damaged(path, "__metadata__ is no map of texts");
      file.metadata_[key] = word.get<std::string>();
    }
  }
  check_tiling(entries, data_bytes, path);
  // Floats are read in place, so the data must lie at a multiple of their size whatever the
  // header's length.
  file.bytes_.resize(data_bytes);
  std::memcpy(file.bytes_.data(), bytes.data() + 8 + length, data_bytes);
  for (Entry& entry : entries) {
    entry.view.bytes = {file.bytes_.data() + entry.begin, entry.end - entry.begin};
    file.tensors_.push_back(std::move(entry.view));
  }
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto at = std::find_if(tensors_.begin(), tensors_.end(),
                               [&](const TensorView& tensor) { return tensor.name == name; });
  return at == tensors_.end() ? nullptr : &*at;
}

std::string safetensors_header(std::span<const TensorView> tensors,
                               const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (const TensorView& tensor : tensors) {
    assert(!header.contains(tensor.name) && "names are unique");
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + text;
}

}  // namespace dl
