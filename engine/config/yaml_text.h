#pragma once

#include <string>

#include "core/config_node.h"

namespace dl {

/// YAML that reads back as the same tree: block style for what is long, a line for what is short.
/// Dollars are doubled, since every expression is done with.
std::string yaml_text(const ConfigNode& node);

/// The same of one string, whatever is in it, without the end of the line.
std::string yaml_string(const std::string& text);

}  // namespace dl
