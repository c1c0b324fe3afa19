#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/config_node.h"
#include "engine/core/error.h"

namespace dl {

/// A config file merged with all that it extends, and which files those were.
struct MergedFiles {
  ConfigNode root;                 // without `extends`
  std::vector<std::string> files;  // the given one first
  std::string given_text;
};
MergedFiles read_with_extends(const std::string& path, Problems& problems);

/// The way to a value: keys, and "#3" for an entry of a list.
using ConfigPath = std::vector<std::string>;
/// Where the type is the key (`optimizer`, the layers of a list): which keys beside it are none.
/// Null: the type is not the key there.
std::optional<std::span<const std::string_view>> typed_choice(const ConfigPath& path);

/// Puts `over` over `base`: maps merge, lists and scalars replace, and where the type is the key
/// another type replaces. `key: ~` takes an inherited key away.
ConfigNode merged(ConfigNode base, const ConfigNode& over);

/// Does what one `--set key=value` says. Its positions lie in a file called "--set".
void apply_set(ConfigNode& root, const std::string& argument, Problems& problems);

}  // namespace dl
