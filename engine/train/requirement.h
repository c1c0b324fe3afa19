#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/sinks/sink.h"

namespace dl {

/// `--require valid/top1>=0.98`: a condition on the result.
struct Requirement {
  std::string split, metric;
  bool at_least = true;  // else at most
  double bound = 0;
  std::string text;
};
/// Throws UserError (ExitCode::command_line).
Requirement parse_requirement(const std::string& text);
/// "90", "30s", "15m", "2h": seconds. Throws UserError (ExitCode::command_line).
double parse_duration(const std::string& text);

/// The metrics that the result of a run will have on one split.
struct ResultMetrics {
  std::string split;
  std::vector<std::string> names;
};
/// Throws UserError (ExitCode::command_line) where a requirement names a split or a metric that the
/// result will not have.
void check_requirements(const std::vector<Requirement>& requirements,
                        const std::vector<ResultMetrics>& results);

/// Which of the requirements the results miss, in words; "" when all are met.
std::string unmet_requirement(const std::vector<Requirement>& requirements,
                              const std::optional<EpochReport>& valid,
                              const std::optional<EpochReport>& test);

}  // namespace dl
