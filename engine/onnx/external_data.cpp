#include "engine/onnx/external_data.h"

#include <filesystem>

#include "core/error.h"
#include "core/text.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

/// A number of bytes; none where it is not written as one.
std::optional<std::uint64_t> parse_bytes(const std::string& text, std::uint64_t fallback) {
  if (text.empty()) return fallback;
  const std::optional<std::int64_t> number = parse_int(text);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

/// What is wrong with a location by its letters alone; "" where nothing is.
std::string fault_of(const std::string& location) {
  if (location.empty()) return "no location is said";
  if (location.find('\0') != std::string::npos) return "its location holds a zero byte";
  if (location[0] == '/') return "its location is absolute";
  if (location.find('\\') != std::string::npos) return "its location holds a backslash";
  for (const std::string& part : split(location, '/')) {
    if (part == "..") return "its location leaves the model's folder";
    if (part.empty() || part == ".") return "its location is no plain path";
  }
  return "";
}

}  // namespace

void ExternalData::refuse(const std::string& tensor, const std::string& what) const {
  throw UserError(ExitCode::weights, model_path_ + ": external data of '" + tensor + "': " + what,
                  "tensors are read from files in the model's folder only, and through no link");
}

ExternalData::OpenFile& ExternalData::open(const std::string& tensor, const std::string& location) {
  const auto known = files_.find(location);
  if (known != files_.end()) return known->second;
  const std::string fault = fault_of(location);
  if (!fault.empty()) refuse(tensor, fault + ": '" + location + "'");
  std::string path = parent_folder(model_path_);
  for (const std::string& part : split(location, '/')) {
    path += '/' + part;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (fs::is_symlink(status)) refuse(tensor, "'" + location + "' leads through a link");
    if (!fs::exists(status)) refuse(tensor, "there is no file '" + location + "'");
  }
  try {
    OpenFile opened{std::make_unique<InputFile>(path), 0};
    opened.unread = opened.file->size();
    return files_.emplace(location, std::move(opened)).first->second;
  } catch (const FileError& error) {
    refuse(tensor, error.what());
  }
}

std::string ExternalData::read(const std::string& tensor, const ExternalPlace& place,
                               std::uint64_t bytes) {
  OpenFile& opened = open(tensor, place.location);
  const std::uint64_t size = opened.file->size();
  const auto offset = parse_bytes(place.offset, 0), length = parse_bytes(place.length, bytes);
  if (!offset || !length) {
    refuse(tensor, "offset '" + place.offset + "' and length '" + place.length +
                       "' are no numbers of bytes");
  }
  if (*length != bytes) {
    refuse(tensor, "its length is " + std::to_string(*length) + ", its shape needs " +
                       std::to_string(bytes) + " bytes");
  }
  if (*offset > size || bytes > size - *offset) {
    refuse(tensor, std::to_string(bytes) + " bytes at " + std::to_string(*offset) +
                       " reach beyond the " + std::to_string(size) + " bytes of '" +
                       place.location + "'");
  }
  if (bytes > opened.unread)
    refuse(tensor,
           "tensors share bytes of '" + place.location + "', and together take more than it has");
  opened.unread -= bytes;
  std::string out(bytes, '\0');
  try {
    opened.file->read_at(*offset, std::as_writable_bytes(std::span(out.data(), out.size())));
  } catch (const FileError& error) {
    refuse(tensor, error.what());
  }
  return out;
}

}  // namespace dl
