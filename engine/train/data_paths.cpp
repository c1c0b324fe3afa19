#include "engine/train/data_paths.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file_system.h"
#include "core/install_paths.h"
#include "engine/train/sealed_text.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

/// Empty where the config is no run's.
struct Kept {
  std::string data, folder, config;
};

Kept read_kept(const std::string& path) {
  try {
    const std::string text = read_file(path);
    expect_sealed(text, path, "--data DIR says where the data lie; resume --data DIR keeps that");
    const auto json = nlohmann::json::parse(text);
    return {json.at("data"), json.at("folder"), json.value("config", "")};
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
  const fs::path config(config_path);
  const std::string file = (config.parent_path() / kDataPathsFile).string();
  const bool is_run = config.filename() == "config.resolved.yaml" && exists(file);
  Kept kept;
  try {
    if (is_run) kept = read_kept(file);
  } catch (const UserError&) {
    if (said.empty()) throw;
  }
  DataPaths paths{data_folder(said, config_path, kept), resource_folder() + "/datasets"};
  std::error_code error;
  if (!is_run) paths.config = config.parent_path().string();
  if (is_folder(kept.config)) paths.config = kept.config;
  if (is_folder(kept.folder) && !fs::equivalent(kept.folder, ".", error))
    paths.folder = kept.folder;
  return paths;
}

std::string to_json(const DataPaths& paths) {
  const auto absolute = [](const std::string& folder) {
    return fs::absolute(folder.empty() ? "." : folder).lexically_normal().string();
  };
  const nlohmann::ordered_json out = {{"data", fs::absolute(paths.data).string()},
                                      {"folder", absolute(paths.folder)},
                                      {"config", absolute(paths.config)}};
  return sealed_json(out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace dl
