#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_node.h"
#include "core/error.h"
#include "core/text.h"

namespace dl {

/// The keys of a section ("train"), or of a type that stands in one ("optimizer.sgd").
struct SectionKeys {
  std::string section;
  std::vector<Word> keys;
};

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

/// Does what one `--set key=value` says. Its positions lie in a file called "--set". Where the type
/// is the key and left out, it is the one that the config has: optimizer.lr is optimizer.sgd.lr.
/// `sections` tells the keys of each type; what it does not know is taken as it is.
void apply_set(ConfigNode& root, const std::string& argument, Problems& problems,
               std::span<const SectionKeys> sections = {});

/// The argument of --set in which `part` lies, with `instead` in its place, to be typed.
std::string set_words(const Mark& part, const std::string& instead);

}  // namespace dl
