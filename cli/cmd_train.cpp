#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/print_network.h"
#include "cli/run_arguments.h"
#include "engine/core/file_system.h"
#include "engine/train/runs.h"

namespace dl {

Command train_command() {
  return {"train", "Train a network from a config, in a new run folder", [](CLI::App& app) {
            const auto setup = config_arguments(app);
            const auto options = std::make_shared<TrainOptions>();
            app.add_option("--init", options->init, "Start from these weights, a safetensors file")
                ->type_name("WEIGHTS");
            const auto arguments = new_run_arguments(app, options->run);
            return [=]() -> ExitCode {
              read_run_arguments(*arguments, *options);
              options->setup = *setup;
              options->before_start = print_network;
              const auto files = real_file_system();
              return train_run(*files, *options);
            };
          }};
}

Command resume_command() {
  return {"resume", "Go on with a run from its newest checkpoint, to the same bits",
          [](CLI::App& app) {
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
