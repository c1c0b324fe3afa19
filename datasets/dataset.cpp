#include "datasets/dataset.h"

#include <cassert>
#include <filesystem>

#include "core/error.h"

namespace dl {

std::size_t size_of(DataType type) { return type == DataType::u8 ? 1 : 4; }

std::size_t Field::elements() const {
  std::size_t count = 1;
  for (const std::int64_t dim : shape) count *= static_cast<std::size_t>(dim);
  return count;
}

void Dataset::decode(std::size_t, PictureBuffers&) const {
  assert(!"only a data set with an encoded input is asked to decode");
}

std::string Dataset::sample_name(std::size_t index) const {
  return "sample " + std::to_string(index);
}

std::unique_ptr<Dataset> DataSource::open_file(const std::string& path) const {
  throw UserError(ExitCode::command_line,
                  "--input " + path + ": this run's data source reads no single files");
}

bool names_a_path(const ParamSpec& spec, const ConfigNode& value) {
  if (spec.type == "path") return value.is_scalar();
  const bool number = value.is_scalar() && !value.quoted() && parse_double(value.text());
  return spec.type.ends_with(" or path") && value.is_scalar() && !number;
}

std::string_view split_name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::valid:
      return "valid";
    case Split::test:
      break;
  }
  return "test";
}

std::string DataPaths::resolve(const std::string& path) const {
  const auto under = [&](std::string_view prefix) {
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
  };
  if (under("@data")) return data + path.substr(std::string_view("@data").size());
  if (under("@builtin")) return builtin + path.substr(std::string_view("@builtin").size());
  namespace fs = std::filesystem;
  if (path.empty() || fs::path(path).is_absolute()) return path;
  std::error_code error;
  const std::string beside = config + "/" + path;
  if (!config.empty() && fs::exists(beside, error))
    return fs::path(beside).lexically_normal().string();
  if (folder.empty()) return path;
  const std::string there = folder + "/" + path;
  return fs::exists(there, error) || !fs::exists(path, error) ? there : path;
}

}  // namespace dl
