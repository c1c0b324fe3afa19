#pragma once

#include <string>
#include <vector>

namespace dl {

/// A config that comes with dltool.
struct ShippedConfig {
  std::string path;     // "@configs/digits/resnet.yaml"
  std::string summary;  // the first sentence of its comment
};
/// All that train as they stand, by path; blocks/ holds pieces of them.
std::vector<ShippedConfig> shipped_configs();

/// The file that `path` names: '@configs/...' is one of dltool's own. Throws UserError
/// (ExitCode::config) where there is none, naming the files that might be meant.
std::string find_config(const std::string& path);

}  // namespace dl
