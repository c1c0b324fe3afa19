#pragma once

#include <string>
#include <vector>

#include "engine/sinks/sink.h"

namespace dl {

/// A line of metrics.jsonl, with its end. Keys: epoch, step, split, the metrics, lr,
/// samples_per_second, seconds, wait_share. Numbers that are not finite are null.
std::string metrics_json_line(const EpochReport& report);

/// The header of metrics.csv and a line of it; a metric that a report lacks is empty.
std::string metrics_csv_header(const std::vector<std::string>& metrics);
std::string metrics_csv_line(const EpochReport& report, const std::vector<std::string>& metrics);

}  // namespace dl
