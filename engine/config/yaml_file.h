#pragma once

#include <memory>
#include <string>

#include "core/config_node.h"
#include "core/error.h"

namespace dl {

/// Reads a YAML file into a tree with positions. Refuses what configs do without: anchors, aliases,
/// tags, several documents, nesting over 64, more than 100,000 values, more than 4 MB. Every
/// trouble, a missing file too, is a UserError (ExitCode::config); `asked_at` is the place that
/// names the file, if there is one.
/// Keys written twice go to `problems` and the first of them is kept.
ConfigNode read_yaml_file(const std::string& path, Problems& problems, const Mark& asked_at = {});

/// The same for a text from `begin` on (what is before it is taken for blanks): `key=value` of
/// --set.
ConfigNode parse_yaml(const std::shared_ptr<const SourceFile>& file, Problems& problems,
                      std::size_t begin = 0);

/// Throws UserError at `mark` when a YAML text that is to be written could not be read back: it is
/// larger than 4 MB, or it holds bytes that are no text.
void expect_readable(const std::string& text, const Mark& mark);

/// Values in the tree, keys not counted.
std::size_t count_nodes(const ConfigNode& node);

inline constexpr std::size_t kMaxConfigNodes = 100'000;

}  // namespace dl
