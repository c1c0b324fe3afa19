#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/train/requirement.h"

namespace dl {

/// What train, finetune and resume share.
struct RunArguments {
  std::string max_time;
  std::vector<std::string> requirements;
};

inline std::shared_ptr<RunArguments> run_arguments(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  app.add_option("--max-time", arguments->max_time, "Save and stop after this time: 90s, 15m, 2h")
      ->type_name("TIME");
  app.add_option("--require", arguments->requirements,
                 "Exit with 13 unless the result meets this, as valid/top1>=0.98; may be repeated")
      ->type_name("CONDITION")
      ->allow_extra_args(false);
  return arguments;
}

/// The same for verbs that begin a run, whose folder `run` may be named.
inline std::shared_ptr<RunArguments> new_run_arguments(CLI::App& app, std::string& run) {
  app.add_option("--run", run, "The run's folder (default: runs/<name>-001, the next free number)")
      ->type_name("DIR");
  return run_arguments(app);
}

template <class Options>
void read_run_arguments(const RunArguments& arguments, Options& options) {
  if (!arguments.max_time.empty()) options.max_seconds = parse_duration(arguments.max_time);
  for (const std::string& text : arguments.requirements)
    options.requirements.push_back(parse_requirement(text));
}

}  // namespace dl
