#pragma once

#include <string>

#include "engine/config/run_config.h"

namespace dl {

/// The sections as they stand in the config once their expressions are replaced.
struct ResolvedSections {
  ConfigNode data, optimizer, schedule, train, diagnostics, finetune, phases;  // null: not there
};

/// A config without extends, vars, blocks, repeats, ifs and expressions that loads as the same
/// RunConfig.
ConfigNode resolved_config(const RunConfig& config, const ResolvedSections& sections);

}  // namespace dl
