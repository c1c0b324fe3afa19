#pragma once

#include <span>
#include <string>

#include "engine/train/run_report.h"

namespace dl {

/// Runs side by side, in the order given: how they ended, their metrics, and the config keys in
/// which they differ (the first `most_keys`, and how many more there are).
std::string comparison_table(std::span<const RunReport> runs,
                             std::span<const ConfigDifference> differences,
                             std::size_t most_keys = 30);

}  // namespace dl
