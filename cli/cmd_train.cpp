#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/print_network.h"
#include "cli/run_arguments.h"
#include "cli/source_commit.h"
#include "cli/transfer_arguments.h"
#include "core/file_system.h"
#include "engine/config/config_path.h"
#include "engine/config/merge.h"
#include "engine/train/runs.h"

namespace dl {

namespace {

/// Whether the config, with what --set changes, says where weights come from. Of what is wrong with
/// it speaks whoever reads it whole.
bool names_source(const SetupOptions& options) {
  try {
    Problems problems;
    ConfigNode root = read_with_extends(find_config(options.config), problems).root;
    for (const std::string& set : options.sets) apply_set(root, set, problems);
    const ConfigNode* finetune = root.find("finetune");
    return finetune && finetune->find("from");
  } catch (const UserError&) {
    return true;
  }
}

/// --freeze is for weights that come from somewhere, as the config or --init says.
void add_freeze(const std::vector<std::string>& globs, TrainOptions& options) {
  if (globs.empty()) return;
  std::vector<std::string>& sets = options.setup.sets;
  if (!options.init.empty()) {
    sets.push_back("finetune.from=" + yaml_string(std::exchange(options.init, "")));
  } else if (!names_source(options.setup)) {
    std::string words = "dltool finetune " + shell_word(options.setup.config) + " --from SOURCE";
    for (const std::string& glob : globs) words += " --freeze=" + shell_word(glob);
    throw UserError(ExitCode::command_line,
                    "--freeze " + globs[0] +
                        ": the config does not say where weights come from, so that these would "
                        "stay as they are initialized",
                    words + " begins with those of SOURCE, a run's folder or a file");
  }
  sets.push_back("finetune.freeze=" + list_of(globs));
}

}  // namespace

Command train_command() {
  return {"train", "Train a network from a config, in a new run folder", [](CLI::App& app) {
            const auto setup = config_arguments(app);
            const auto options = std::make_shared<TrainOptions>();
            app.add_option("--init", options->init, "Start from these weights, a safetensors file")
                ->type_name("WEIGHTS");
            const auto freeze = std::make_shared<std::vector<std::string>>();
            app.add_option("--freeze", *freeze,
                           "Do not train the weights that match, which --init or the config's "
                           "finetune.from gives; may be repeated")
                ->type_name("GLOB")
                ->allow_extra_args(false);
            const auto shortcuts = shortcut_arguments(app);
            const auto arguments = new_run_arguments(app, options->run);
            return [=]() -> ExitCode {
              read_run_arguments(*arguments, *options);
              options->setup = *setup;
              options->commit = source_commit();
              for (const std::string& set : shortcuts->sets()) options->setup.sets.push_back(set);
              add_freeze(*freeze, *options);
              if (!options->quiet) options->before_start = print_network;
              const auto files = real_file_system();
              return train_run(*files, *options);
            };
          }};
}

Command resume_command() {
  return {
      "resume", "Go on with a run from its newest checkpoint, to the same bits", [](CLI::App& app) {
        const auto options = std::make_shared<ResumeOptions>();
        app.add_option("run", options->run, "The run's folder")->required()->type_name("RUN");
        app.add_option("--set", options->sets,
                       "Change train.epochs, stop, checkpoint, threads, max_steps, log_every or "
                       "skip_limit, or say by a path of data.source where the data are now")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false);
        app.add_option("--data", options->data_dir, "What @data stands for")->type_name("DIR");
        const auto arguments = run_arguments(app);
        return [=]() -> ExitCode {
          read_run_arguments(*arguments, *options);
          const auto files = real_file_system();
          return resume_run(*files, *options);
        };
      }};
}

}  // namespace dl
