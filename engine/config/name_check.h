#pragma once

#include "core/config_node.h"
#include "engine/config/findings.h"

namespace dl {

/// Checks every expression of a merged config as it is written, reached or not: unknown names, and
/// vars and block params that nothing uses. What comes from another file than `main_file` may rest
/// unused.
void check_names(const ConfigNode& root, const SourceFile& main_file, Findings& findings);

}  // namespace dl
