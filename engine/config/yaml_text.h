#pragma once

#include <string>

#include "engine/core/config_node.h"

namespace dl {

/// YAML that reads back as the same tree: block style for what is long, a line for what is short.
/// Dollars are doubled, since every expression is done with.
std::string yaml_text(const ConfigNode& node);

}  // namespace dl
