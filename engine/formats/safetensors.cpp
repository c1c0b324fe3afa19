#include "engine/formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.h"
#include "core/text.h"
#include "engine/formats/pickle.h"
#include "engine/formats/safetensors_header.h"

namespace dl {

static_assert(std::endian::native == std::endian::little, "tensors are read and written in place");

/// Where a file's bytes come from: `read` fills a span from an offset.
struct SafetensorsFile::Source {
  std::uint64_t bytes;
  std::function<void(std::uint64_t offset, std::span<std::byte> into)> read;
};

namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the specification's own cap
constexpr std::size_t kStart = 9;                  // length of the header, and its '{'

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  throw UserError(ExitCode::weights, path + ": not a valid safetensors file: " + what);
}

/// The header's length, checked against the cap and the file.
std::uint64_t header_length(std::string_view start, std::uint64_t file_bytes,
                            const std::string& path) {
  if (file_bytes < 8)
    damaged(path, "it has " + std::to_string(file_bytes) + " bytes, fewer than a header's length");
  std::uint64_t length = 0;
  std::memcpy(&length, start.data(), 8);
  if (length > kMaxHeader) {
    damaged(path,
            "its header claims " + std::to_string(length) + " bytes; at most 100 MB are allowed");
  }
  if (length > file_bytes - 8) {
    damaged(path, "its header claims " + std::to_string(length) + " bytes, the file has " +
                      std::to_string(file_bytes - 8));
  }
  return length;
}

std::span<std::byte> writable(std::string& text) {
  return std::as_writable_bytes(std::span(text.data(), text.size()));
}

/// Tensors are used in place, so each starts at a multiple of 8, whatever the file's offsets are.
std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> dims;
  for (const std::int64_t dim : shape) dims.push_back(std::to_string(dim));
  return "(" + join(dims, ", ") + ")";
}

TensorView float_tensor(std::string name, std::vector<std::int64_t> shape,
                        std::span<const float> values) {
  return {std::move(name), "F32", std::move(shape), std::as_bytes(values)};
}

SafetensorsFile SafetensorsFile::read(const std::string& path, FileDigest* digest) {
  try {
    const InputFile file(path);
    const auto read_at = [&](std::uint64_t offset, std::span<std::byte> into) {
      file.read_at(offset, into);
    };
    return load({file.size(), read_at}, path, digest);
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

SafetensorsFile SafetensorsFile::parse(std::string_view bytes, const std::string& path) {
  const auto copy = [&](std::uint64_t offset, std::span<std::byte> into) {
    if (!into.empty()) std::memcpy(into.data(), bytes.data() + offset, into.size());
  };
  return load({bytes.size(), copy}, path, nullptr);
}

SafetensorsFile SafetensorsFile::load(const Source& source, const std::string& path,
                                      FileDigest* digest) {
  std::string start(std::min<std::uint64_t>(kStart, source.bytes), '\0');
  source.read(0, writable(start));
  refuse_pickle(start, path);
  const std::uint64_t data_at = 8 + header_length(start, source.bytes, path);
  std::string head(data_at, '\0');
  source.read(0, writable(head));
  SafetensorsHeader header;
  try {
    header = read_safetensors_header(std::string_view(head).substr(8), source.bytes - data_at);
  } catch (const std::invalid_argument& error) {
    damaged(path, error.what());
  }

  SafetensorsFile file;
  file.metadata_ = std::move(header.metadata);
  std::uint64_t needed = 0;
  for (const TensorEntry& entry : header.tensors) needed += padded(entry.end - entry.begin);
  file.bytes_ = std::make_unique_for_overwrite<std::byte[]>(needed);
  // The tensors tile the data in this order, so hashing them one by one hashes the whole file.
  Sha256 hash;
  hash.add(writable(head));
  std::byte* at = file.bytes_.get();
  for (TensorEntry& entry : header.tensors) {
    const std::span<std::byte> bytes(at, entry.end - entry.begin);
    source.read(data_at + entry.begin, bytes);
    if (digest != nullptr) hash.add(bytes);
    file.tensors_.push_back(
        {std::move(entry.name), std::move(entry.dtype), std::move(entry.shape), bytes});
    at += padded(bytes.size());
  }
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) file.places_[file.tensors_[i].name] = i;
  if (digest != nullptr) *digest = {source.bytes, hash.hex()};
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto at = places_.find(name);
  return at == places_.end() ? nullptr : &tensors_[at->second];
}

std::string safetensors_header(std::span<const TensorView> tensors,
                               const std::map<std::string, std::string>& metadata) {
  using nlohmann::json;
  std::string text = "{";
  if (!metadata.empty()) text += "\"__metadata__\":" + json(metadata).dump();
  std::uint64_t at = 0;
  for (const TensorView& tensor : tensors) {
    if (text.size() > 1) text += ',';
    text += json(tensor.name).dump() + ":{\"dtype\":" + json(tensor.dtype).dump() +
            ",\"shape\":" + json(tensor.shape).dump() + ",\"data_offsets\":[" + std::to_string(at) +
            "," + std::to_string(at + tensor.bytes.size()) + "]}";
    at += tensor.bytes.size();
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + text;
}

FileDigest write_safetensors(FileSystem& files, const std::string& path,
                             std::span<const TensorView> tensors,
                             const std::map<std::string, std::string>& metadata) {
  HashedFile file(files, path);
  file.write(safetensors_header(tensors, metadata));
  for (const TensorView& tensor : tensors) file.write(tensor.bytes);
  return file.finish();
}

std::span<const float> expect_tensor(const SafetensorsFile& file, const std::string& path,
                                     const std::string& name, const Shape& shape) {
  const TensorView* tensor = file.find(name);
  if (!tensor) {
    std::vector<std::string> names;
    for (const TensorView& candidate : file.tensors()) names.push_back(candidate.name);
    throw UserError(ExitCode::weights,
                    path + ": has no tensor '" + name + "'" + did_you_mean(name, names));
  }
  if (tensor->dtype != "F32")
    throw UserError(ExitCode::weights,
                    path + ": '" + name + "' is " + tensor->dtype + ", expected F32");
  if (tensor->shape != shape.dims()) {
    throw UserError(ExitCode::weights, path + ": '" + name + "' has shape " +
                                           shape_text(tensor->shape) + ", the network needs " +
                                           shape_text(shape.dims()));
  }
  return tensor->floats();
}

}  // namespace dl
