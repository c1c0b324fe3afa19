#pragma once

#include <memory>
#include <string>

#include "cli/arguments.h"
#include "core/error.h"
#include "engine/train/trained_network.h"

namespace dl {

/// What the verbs on a trained network share: RUN|CONFIG, --weights, --checkpoint, --set, --data.
/// Filled when the command line is parsed.
struct TrainedArguments {
  SetupOptions setup;
  std::string weights, checkpoint;

  /// Throws UserError where the two contradict each other.
  WeightChoice choice() const {
    WeightChoice choice;
    if (weights == "ema" || weights == "raw")
      choice.averaged = weights == "ema";
    else
      choice.file = weights;
    if (!choice.file.empty() && !checkpoint.empty())
      throw UserError(ExitCode::command_line,
                      "--weights FILE and --checkpoint each name the weights: give one of them");
    choice.by_name = !checkpoint.empty();
    if (choice.by_name) choice.checkpoint = checkpoint;
    return choice;
  }
};

inline std::shared_ptr<TrainedArguments> trained_arguments(CLI::App& app) {
  auto arguments = std::make_shared<TrainedArguments>();
  app.add_option("run", arguments->setup.config, "A run's folder, or a config")
      ->required()
      ->type_name("RUN|CONFIG");
  app.add_option("--weights", arguments->weights,
                 "A safetensors file; or ema or raw: a run's averaged weights, or not")
      ->type_name("FILE|ema|raw");
  app.add_option("--checkpoint", arguments->checkpoint,
                 "Of a run: best (the default), last, or a checkpoint's folder")
      ->type_name("WHICH");
  app.add_option("--set", arguments->setup.sets, "Change a key of the config; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--data", arguments->setup.data_dir, "What @data stands for")->type_name("DIR");
  return arguments;
}

}  // namespace dl
