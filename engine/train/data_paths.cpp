#include "engine/train/data_paths.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/file_system.h"
#include "engine/core/install_paths.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

/// Empty where the config is no run's.
struct Kept {
  std::string data, folder;
};

Kept kept_beside(const fs::path& config) {
  const std::string path = (config.parent_path() / kDataPathsFile).string();
  if (config.filename() != "config.resolved.yaml" || !exists(path)) return {};
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    return {json.at("data"), json.at("folder")};
  } catch (const nlohmann::json::exception& error) {
    throw UserError(ExitCode::weights, path + ": damaged: " + error.what());
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return !path.empty() && fs::is_directory(path, error);
}

std::string data_folder(const std::string& said, const fs::path& config, const Kept& kept) {
  if (!said.empty()) return said;
  if (const char* variable = std::getenv("DLTOOL_DATA"); variable && *variable) return variable;
  if (is_folder(kept.data)) return kept.data;
  for (fs::path folder = fs::absolute(config).parent_path(); folder != folder.parent_path();
       folder = folder.parent_path()) {
    if (folder.filename() == "configs") return (folder.parent_path() / "data").string();
  }
  return "data";
}

}  // namespace

DataPaths data_paths(const std::string& said, const std::string& config_path) {
  const Kept kept = kept_beside(config_path);
  DataPaths paths{data_folder(said, config_path, kept), resource_folder() + "/datasets"};
  std::error_code error;
  if (is_folder(kept.folder) && !fs::equivalent(kept.folder, ".", error))
    paths.folder = kept.folder;
  return paths;
}

std::string to_json(const DataPaths& paths) {
  const nlohmann::ordered_json out = {{"data", fs::absolute(paths.data).string()},
                                      {"folder", fs::absolute(".").lexically_normal().string()}};
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dl
