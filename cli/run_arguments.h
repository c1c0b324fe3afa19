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
  bool quiet = false;
};

inline std::shared_ptr<RunArguments> run_arguments(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  app.add_option("--max-time", arguments->max_time, "Save and stop after this time: 90s, 15m, 2h")
      ->type_name("TIME");
  app.add_option("--require", arguments->requirements,
                 "Exit with 13 unless the result meets this, as valid/top1>=0.98; may be repeated")
      ->type_name("CONDITION")
      ->allow_extra_args(false);
  app.add_flag("-q,--quiet", arguments->quiet,
               "Print the result alone; what is left out stands in the run's log.txt");
  return arguments;
}

/// Short ways to say what is changed most often.
struct Shortcuts {
  std::string epochs, lr, batch, seed;

  /// The same as --set says it, so that the run's config has it.
  std::vector<std::string> sets() const {
    std::vector<std::string> sets;
    for (const auto& [key, value] : {std::pair("train.epochs", &epochs),
                                     {"optimizer.lr", &lr},
                                     {"data.batch", &batch},
                                     {"seed", &seed}}) {
      if (!value->empty()) sets.push_back(std::string(key) + "=" + *value);
    }
    return sets;
  }
};

inline std::shared_ptr<Shortcuts> shortcut_arguments(CLI::App& app) {
  auto shortcuts = std::make_shared<Shortcuts>();
  app.add_option("--epochs", shortcuts->epochs, "For --set train.epochs=N")->type_name("N");
  app.add_option("--lr", shortcuts->lr,
                 "The optimizer's learning rate, for --set optimizer.lr=RATE")
      ->type_name("RATE");
  app.add_option("--batch,--batch-size", shortcuts->batch, "For --set data.batch=N")
      ->type_name("N");
  app.add_option("--seed", shortcuts->seed, "For --set seed=N")->type_name("N");
  return shortcuts;
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
  options.quiet = arguments.quiet;
}

}  // namespace dl
