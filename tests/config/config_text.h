#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "engine/config/run_config.h"
#include "engine/config/yaml_text.h"

namespace dl {

/// A folder for the files of one test, removed at its end; the process works in it meanwhile, so
/// that messages hold bare file names.
class WorkFolder {
 public:
  WorkFolder() : before_(std::filesystem::current_path()) {
    std::string name = (std::filesystem::temp_directory_path() / "dltool-config-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    path_ = name;
    std::filesystem::current_path(path_);
  }
  ~WorkFolder() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(path_);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  static void write(const std::string& name, const std::string& text) {
    if (std::filesystem::path(name).has_parent_path())
      std::filesystem::create_directories(std::filesystem::path(name).parent_path());
    std::ofstream(name, std::ios::binary) << text;
  }

 private:
  std::filesystem::path before_, path_;
};

/// Loads a config from its text, as a file called c.yaml.
inline RunConfig load_text(const std::string& text, ConfigOptions options = {}) {
  WorkFolder folder;
  WorkFolder::write("c.yaml", text);
  options.path = "c.yaml";
  return load_config(options);
}

/// The message that loading ends with; "" when it succeeds.
inline std::string error_of(const std::string& text, const ConfigOptions& options = {}) {
  try {
    load_text(text, options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// A config around `layers` (a flow or an indented block list), for tests of the model alone.
inline std::string around(const std::string& layers, const std::string& more = "") {
  return "model:\n  layers:\n" + layers +
         "loss: mse\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n" + more;
}

/// "conv conv1 <- input {stride: 2}"
inline std::string layer_line(const LayerDecl& layer) {
  std::string sources;
  for (const LayerDecl::Source& source : layer.from) sources += " " + source.name;
  std::string params;
  for (const ConfigNode::Entry& entry : layer.params.entries()) {
    std::string value = yaml_text(entry.value);
    if (entry.value.is_map() && !entry.value.entries().empty()) value = "{...}\n";
    params += (params.empty() ? "" : ", ") + entry.key + ": " + value.substr(0, value.size() - 1);
  }
  return layer.type + " " + layer.name + " <-" + sources + " {" + params + "}";
}

}  // namespace dl
