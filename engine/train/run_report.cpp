#include "engine/train/run_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file_system.h"
#include "engine/config/yaml_file.h"
#include "engine/sinks/network_table.h"
#include "engine/train/best.h"
#include "engine/train/checkpoint_search.h"
#include "engine/train/metric_spec.h"
#include "engine/train/run_folder.h"
#include "engine/train/run_identity.h"
#include "engine/train/run_places.h"
#include "engine/train/sealed_text.h"
#include "engine/train/setup.h"
#include "engine/train/train_state.h"

namespace dl {
namespace {

using nlohmann::ordered_json;

/// A number that is not finite is null.
double number_of(const ordered_json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

Metrics metrics_of(const ordered_json& object) {
  Metrics metrics;
  for (const auto& [name, value] : object.items()) {
    const auto columns = report_columns();
    if (std::ranges::find(columns, name) == columns.end())
      metrics.emplace_back(name, number_of(value));
  }
  return metrics;
}

/// Reads one run, part by part; what cannot be read is noted and the rest is read all the same.
class Reader {
 public:
  explicit Reader(const std::string& path) { report_.path = path; }

  RunReport read() {
    guarded("config.resolved.yaml", [&] { read_config(); });
    guarded("config.resolved.yaml", [&] { expect_unchanged_run(report_.path, report_.damage); });
    guarded("metrics.jsonl", [&] { read_metrics(); });
    guarded("checkpoints", [&] { read_time(); });
    if (RunFolder::in_use(report_.path)) {
      report_.outcome = "running";
    } else if (exists(file("exit.json"))) {
      report_.outcome = "damaged";  // unless it can be read
      guarded("exit.json", [&] { read_exit(); });
    } else {
      report_.outcome = "crashed";
    }
    return std::move(report_);
  }

 private:
  std::string file(const std::string& name) const { return report_.path + "/" + name; }

  template <class Read>
  void guarded(const std::string& name, const Read& read) {
    try {
      read();
    } catch (const UserError& error) {
      note(name, error.diagnostics().front().message);
    } catch (const nlohmann::json::exception&) {
      note(name, "damaged");
    } catch (const FileError& error) {
      note(name, error.what());
    }
  }
  void note(const std::string& name, const std::string& what) {
    report_.damage.push_back(name + ": " + what);
  }

  void read_config() {
    const ConfigNode config = read_yaml("config.resolved.yaml");
    if (const ConfigNode* name = config.find("name")) report_.name = name->text();
    const ConfigNode* train = config.find("train");
    const ConfigNode* epochs = train ? train->find("epochs") : nullptr;
    if (epochs) report_.epochs = parse_int(epochs->text());
    report_.config = flat_config(config, read_vars());
    count_parameters();
  }

  /// Null where there are none, and where they are not what was written.
  ConfigNode read_vars() {
    ConfigNode vars;
    if (!exists(file("vars.yaml"))) return vars;
    guarded("vars.yaml", [&] {
      const std::string text = read_file(file("vars.yaml"));
      expect_sealed(text, file("vars.yaml"));
      if (const std::string note = unsealed_note(text, "vars.yaml"); !note.empty())
        report_.damage.push_back(note);
      vars = read_yaml("vars.yaml");
    });
    return vars;
  }

  ConfigNode read_yaml(const std::string& name) const {
    Problems problems;
    ConfigNode root = read_yaml_file(file(name), problems);
    problems.throw_if_any();
    return root;
  }

  void count_parameters() {
    try {
      std::int64_t count = 0;
      const Setup setup =
          load_setup({.config = file("config.resolved.yaml"), .sets = {}, .data_dir = {}});
      for (const NetworkRow& row : network_rows(setup.graph)) count += row.parameters;
      report_.parameters = count;
    } catch (const UserError& error) {
      if (error.code() != ExitCode::data) throw;  // elsewhere the data may be there
    }
  }

  void read_metrics() {
    const std::string text = read_file(file("metrics.jsonl"));
    const bool valid = text.find(R"("split":"valid")") != std::string::npos;
    std::istringstream in(text);
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      try {
        add_line(ordered_json::parse(line), valid ? "valid" : "train");
      } catch (const nlohmann::json::exception&) {
        // The last line of a run that was killed, or that is being written.
        if (!in.eof()) note("metrics.jsonl", "line " + std::to_string(number) + " is damaged");
      }
    }
  }

  /// More than epochs takes time: computing features, say.
  void read_time() {
    if (const auto glance = glance_at_state(newest_state(report_.path)))
      report_.seconds = std::max(report_.seconds, glance->elapsed_seconds);
  }

  void add_line(const ordered_json& line, const std::string& split) {
    const std::int64_t epoch = line.at("epoch"), step = line.at("step");
    report_.epoch = std::max(report_.epoch, epoch);
    report_.step = std::max(report_.step, step);
    report_.seconds += number_of(line.at("seconds"));
    if (line.at("split") != split) return;
    report_.split = split;
    report_.last = metrics_of(line);
    const auto loss = std::ranges::find(report_.last, "loss", &Metrics::value_type::first);
    const double judge = loss == report_.last.end() ? kNoLoss : loss->second;
    for (const auto& [name, value] : report_.last)
      keep_best({.metric = name, .value = value, .epoch = epoch, .loss = judge});
  }

  /// As training decides which checkpoint is the best one.
  void keep_best(const RunReport::Best& now) {
    const auto at = std::ranges::find(report_.best, now.metric, &RunReport::Best::metric);
    const bool first = at == report_.best.end();
    std::optional<Judged> best;
    if (!first) best = Judged{at->value, at->loss};
    if (!is_best({now.value, now.loss}, best, metric_spec(now.metric).lower_is_better())) return;
    if (first)
      report_.best.push_back(now);
    else
      *at = now;
  }

  void read_exit() {
    const ordered_json exit = ordered_json::parse(read_file(file("exit.json")));
    const int code = exit.at("exit_code");
    report_.epoch = exit.at("epoch");
    report_.step = exit.at("step");
    report_.seconds = exit.at("seconds");
    for (const char* split : {"test", "valid"}) {
      if (!exit.contains(split)) continue;
      report_.final_split = split;
      report_.result = metrics_of(exit.at(split));
      break;
    }
    report_.exit_code = code;
    report_.outcome = exit.at("outcome");
  }

  RunReport report_;
};

}  // namespace

RunReport read_run(const std::string& path) {
  if (!is_run_folder(path)) {
    throw UserError(ExitCode::run_folder, path + ": no run",
                    "a run folder holds config.resolved.yaml and checkpoints/");
  }
  return Reader(path).read();
}

}  // namespace dl
