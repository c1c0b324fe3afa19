#include "engine/sinks/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "engine/sinks/column_table.h"
#include "engine/sinks/network_table.h"

namespace dl {
namespace {

constexpr std::size_t kLineLength = 150;  // what the columns of values share
constexpr std::size_t kNarrowest = 14, kWidest = 40;
constexpr std::size_t kWidestLabel = 48;
constexpr std::size_t kLongestValue = 200;  // bytes of a key's value
constexpr const char* kNothing = "-";

using Runs = std::span<const RunReport>;

std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

/// The folder's own name where that tells the runs apart.
std::string run_label(Runs runs, const RunReport& run) {
  const auto same = std::ranges::count(
      runs, last_part(run.path), [](const RunReport& other) { return last_part(other.path); });
  return same > 1 ? run.path : last_part(run.path);
}

TableRow row_of(Runs runs, std::string label,
                const std::function<std::string(const RunReport&)>& cell) {
  TableRow row{std::move(label), {}};
  for (const RunReport& run : runs) row.cells.push_back(cell(run));
  return row;
}

std::string epochs_text(const RunReport& run) {
  return std::to_string(run.epoch) + (run.epochs ? "/" + std::to_string(*run.epochs) : "");
}

std::string value_of(const Metrics& metrics, const std::string& name) {
  const auto at = std::ranges::find(metrics, name, [](const auto& metric) { return metric.first; });
  return at == metrics.end() ? kNothing : metric_text(name, at->second);
}

std::string best_of(const RunReport& run, const std::string& name) {
  const auto at = std::ranges::find(run.best, name, &RunReport::Best::metric);
  return at == run.best.end() ? kNothing
                              : fmt::format("{} ({})", metric_text(name, at->value), at->epoch);
}

/// One kind of metrics: which of a run's, on which split, how a value is shown.
struct Group {
  std::string label;
  std::string RunReport::*split;
  Metrics RunReport::*metrics;
  std::function<std::string(const RunReport&, const std::string& name)> value;
};

/// A row for each split and metric that any run has.
void add_group(Runs runs, const Group& group, std::vector<TableRow>& rows) {
  for (const char* split : {"test", "valid", "train"}) {
    std::vector<std::string> names;
    for (const RunReport& run : runs) {
      if (run.*group.split != split) continue;
      for (const auto& [name, value] : run.*group.metrics) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
      }
    }
    for (const std::string& name : names) {
      rows.push_back(row_of(runs, fmt::format("{} {} {}", group.label, split, name),
                            [&](const RunReport& run) {
                              return run.*group.split == split ? group.value(run, name) : kNothing;
                            }));
    }
  }
}

std::vector<TableRow> fact_rows(Runs runs) {
  std::vector<TableRow> rows = {
      row_of(runs, "run", [&](const RunReport& run) { return run_label(runs, run); }),
      row_of(runs, "outcome", [](const RunReport& run) { return run.outcome; }),
      row_of(runs, "epochs", epochs_text),
      row_of(runs, "time", [](const RunReport& run) { return duration_text(run.seconds); }),
      row_of(runs, "parameters", [](const RunReport& run) {
        return run.parameters ? grouped(*run.parameters) : kNothing;
      })};
  add_group(
      runs,
      {"final", &RunReport::final_split, &RunReport::result,
       [](const RunReport& run, const std::string& name) { return value_of(run.result, name); }},
      rows);
  add_group(runs, {"best", &RunReport::split, &RunReport::last, best_of}, rows);
  const bool all_final =
      std::ranges::all_of(runs, [](const RunReport& run) { return !run.result.empty(); });
  if (all_final) return rows;
  add_group(
      runs,
      {"last", &RunReport::split, &RunReport::last,
       [](const RunReport& run, const std::string& name) { return value_of(run.last, name); }},
      rows);
  return rows;
}

auto readable_configs(Runs runs) {
  return std::ranges::count_if(runs, [](const RunReport& run) { return run.config.has_value(); });
}

/// A list of ten thousand words would be a table of its own.
std::string shortened(const std::string& value) {
  if (value.size() <= kLongestValue) return value;
  std::size_t end = kLongestValue;
  while ((static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;  // not within a letter
  return fmt::format("{} ... ({} bytes)", value.substr(0, end), value.size());
}

TableRow difference_row(const ConfigDifference& difference) {
  TableRow row{difference.key, {}};
  if (difference.layers > 1) row.label += fmt::format(" and {} more layers", difference.layers - 1);
  for (const auto& value : difference.values)
    row.cells.push_back(shortened(value.value_or(kNothing)));
  return row;
}

}  // namespace

std::string comparison_table(Runs runs, std::span<const ConfigDifference> differences,
                             std::size_t most_keys) {
  std::vector<TableRow> rows = fact_rows(runs);
  if (!differences.empty()) rows.push_back({"", std::vector<std::string>(runs.size())});
  const std::size_t shown = std::min(differences.size(), most_keys);
  for (const ConfigDifference& difference : differences.first(shown))
    rows.push_back(difference_row(difference));
  const std::size_t share = kLineLength / std::max<std::size_t>(runs.size(), 1);
  std::string out = column_table(rows, kWidestLabel, std::clamp(share, kNarrowest, kWidest));
  if (differences.empty() && readable_configs(runs) > 1) out += "\nthe configs are the same\n";
  if (shown < differences.size())
    out += fmt::format("and {} more keys differ (--json names them)\n", differences.size() - shown);
  return out;
}

}  // namespace dl
