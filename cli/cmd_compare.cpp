#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "core/text.h"
#include "engine/sinks/comparison.h"
#include "engine/train/run_places.h"

namespace dl {
namespace {

using nlohmann::ordered_json;

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json metrics_json(const Metrics& metrics) {
  ordered_json out = ordered_json::object();
  for (const auto& [name, value] : metrics) out[name] = value;
  return out;
}

ordered_json run_json(const RunReport& run) {
  ordered_json out = {{"run", run.path},
                      {"name", run.name},
                      {"outcome", run.outcome},
                      {"exit_code", or_null(run.exit_code)},
                      {"epoch", run.epoch},
                      {"epochs", or_null(run.epochs)},
                      {"step", run.step},
                      {"seconds", run.seconds},
                      {"parameters", or_null(run.parameters)}};
  if (!run.final_split.empty()) out["final"][run.final_split] = metrics_json(run.result);
  if (!run.split.empty()) out["last"][run.split] = metrics_json(run.last);
  for (const RunReport::Best& best : run.best)
    out["best"][run.split][best.metric] = {{"value", best.value}, {"epoch", best.epoch}};
  if (!run.damage.empty()) out["damage"] = run.damage;
  return out;
}

void print_json(const std::vector<RunReport>& runs, const std::vector<ConfigDifference>& all) {
  ordered_json out = {{"runs", ordered_json::array()}, {"differences", ordered_json::array()}};
  for (const RunReport& run : runs) out["runs"].push_back(run_json(run));
  for (const ConfigDifference& difference : all) {
    ordered_json one = {{"key", difference.key}, {"values", ordered_json::array()}};
    for (const auto& value : difference.values) one["values"].push_back(or_null(value));
    if (difference.layers > 0) one["layers"] = difference.layers;
    out["differences"].push_back(std::move(one));
  }
  // Names come from folders and configs, which need not be UTF-8.
  fmt::print("{}\n", out.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

/// A folder of runs stands for all of them.
std::vector<std::string> named_runs(const std::vector<std::string>& paths) {
  std::vector<std::string> runs;
  for (const std::string& path : paths) {
    const std::vector<std::string> inside =
        is_run_folder(path) ? std::vector<std::string>() : runs_in(path);
    if (inside.empty()) runs.push_back(path);
    runs.insert(runs.end(), inside.begin(), inside.end());
  }
  return runs;
}

ExitCode compare(const std::vector<std::string>& paths, bool json) {
  std::vector<RunReport> runs;
  std::vector<std::optional<FlatConfig>> configs;
  for (const std::string& path : named_runs(paths)) {
    runs.push_back(read_run(path));
    configs.push_back(runs.back().config);
  }
  const std::vector<ConfigDifference> differences = config_differences(configs);
  if (json) {
    print_json(runs, differences);
    return ExitCode::finished;
  }
  fmt::print("{}", comparison_table(runs, differences));
  for (const RunReport& run : runs) {
    for (const std::string& damage : run.damage)
      print_if_possible(stderr, fmt::format("note: {}\n", escaped(run.path + ": " + damage)));
  }
  return ExitCode::finished;
}

}  // namespace

Command compare_command() {
  return {"compare", "Show runs side by side: metrics, time, and where their configs differ",
          [](CLI::App& app) {
            const auto runs = std::make_shared<std::vector<std::string>>();
            const auto json = std::make_shared<bool>(false);
            app.add_option(
                   "runs", *runs,
                   "The folders of runs, in the order to show them; runs/ stands for all in it")
                ->required()
                ->type_name("RUN");
            app.add_flag("--json", *json, "Print one JSON line");
            return [=] { return compare(*runs, *json); };
          }};
}

}  // namespace dl
