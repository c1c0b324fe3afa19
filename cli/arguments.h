#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "engine/train/setup.h"

namespace dl {

/// The arguments that all verbs on a config share: CONFIG, --set, --data. Filled when the command
/// line is parsed.
inline std::shared_ptr<SetupOptions> config_arguments(CLI::App& app) {
  auto options = std::make_shared<SetupOptions>();
  app.add_option("config", options->config, "The config, a YAML file")
      ->required()
      ->type_name("CONFIG");
  app.add_option("--set", options->sets,
                 "Change a key of the config, as optimizer.sgd.lr=0.1; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--data", options->data_dir,
                 "What @data stands for (default: $DLTOOL_DATA, else data/ beside configs/)")
      ->type_name("DIR");
  return options;
}

/// What `--split` names. Throws UserError.
inline Split read_split(const std::string& word) {
  for (const Split split : {Split::train, Split::valid, Split::test}) {
    if (split_name(split) == word) return split;
  }
  throw UserError(ExitCode::command_line,
                  "--split: expected train, valid or test, found '" + word + "'");
}

}  // namespace dl
