#include "engine/train/requirement.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/text.h"

namespace dl {

Requirement parse_requirement(const std::string& text) {
  for (const std::string sign : {">=", "<="}) {
    const std::size_t at = text.find(sign);
    const std::size_t slash = text.find('/');
    if (at == std::string::npos || slash == std::string::npos || slash > at) continue;
    const auto bound = parse_double(text.substr(at + 2));
    const std::string split = text.substr(0, slash);
    if (!bound || (split != "valid" && split != "test")) break;
    return {split, text.substr(slash + 1, at - slash - 1), sign == ">=", *bound, text};
  }
  throw UserError(ExitCode::command_line,
                  "--require: expected something like valid/top1>=0.98, found '" + text + "'");
}

double parse_duration(const std::string& text) {
  double unit = 1;
  std::string number = text;
  if (!text.empty()) {
    const std::size_t which = std::string("smhd").find(text.back());
    if (which != std::string::npos) {
      unit = std::array{1.0, 60.0, 3600.0, 86400.0}[which];
      number.pop_back();
    }
  }
  const auto value = parse_double(number);
  if (!value || *value <= 0)
    throw UserError(ExitCode::command_line,
                    "--max-time: expected a time like 90s, 15m or 2h, found '" + text + "'");
  return *value * unit;
}

void check_requirements(const std::vector<Requirement>& requirements,
                        const std::vector<ResultMetrics>& results) {
  std::vector<std::string> splits;
  for (const ResultMetrics& result : results) splits.push_back(result.split);
  for (const Requirement& requirement : requirements) {
    const std::string what = "--require " + requirement.text + ": ";
    const auto at = std::ranges::find(results, requirement.split, &ResultMetrics::split);
    if (at == results.end()) {
      throw UserError(ExitCode::command_line, what + "there is no " + requirement.split + " data",
                      splits.empty() ? "data.split holds some of train out as valid"
                                     : "there is " + join(splits, " and "));
    }
    if (std::ranges::find(at->names, requirement.metric) != at->names.end()) continue;
    throw UserError(ExitCode::command_line,
                    what + "this run has no metric '" + requirement.metric + "'" +
                        did_you_mean(requirement.metric, at->names),
                    "the metrics of " + at->split + " are " + join(at->names, ", "));
  }
}

std::string unmet_requirement(const std::vector<Requirement>& requirements,
                              const std::optional<EpochReport>& valid,
                              const std::optional<EpochReport>& test) {
  for (const Requirement& requirement : requirements) {
    const auto& report = requirement.split == "test" ? test : valid;
    if (!report)
      return "--require " + requirement.text + ": there is no " + requirement.split + " data";
    bool found = false;
    for (const auto& [name, value] : report->metrics) {
      if (name != requirement.metric) continue;
      found = true;
      const bool met =
          requirement.at_least ? value >= requirement.bound : value <= requirement.bound;
      if (std::isnan(value)) return "--require " + requirement.text + ": it is not defined (nan)";
      if (!met) return "--require " + requirement.text + ": it is " + number_text(value);
    }
    if (!found) return "--require " + requirement.text + ": there is no such metric";
  }
  return "";
}

}  // namespace dl
