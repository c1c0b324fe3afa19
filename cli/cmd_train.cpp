#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/print_network.h"
#include "engine/core/file_system.h"
#include "engine/train/session.h"

namespace dl {
namespace {

struct Arguments {
  std::string max_time;
  std::vector<std::string> requirements;
};

/// The arguments that train and resume share.
std::shared_ptr<Arguments> run_arguments(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("--max-time", arguments->max_time, "Save and stop after this time: 90s, 15m, 2h")
      ->type_name("TIME");
  app.add_option("--require", arguments->requirements,
                 "Exit with 13 unless the result meets this, as valid/top1>=0.98; may be repeated")
      ->type_name("CONDITION")
      ->allow_extra_args(false);
  return arguments;
}

template <class Options>
void read_run_arguments(const Arguments& arguments, Options& options) {
  if (!arguments.max_time.empty()) options.max_seconds = parse_duration(arguments.max_time);
  for (const std::string& text : arguments.requirements)
    options.requirements.push_back(parse_requirement(text));
}

}  // namespace

Command train_command() {
  return {"train", "Train a network from a config, in a new run folder", [](CLI::App& app) {
            const auto setup = config_arguments(app);
            const auto options = std::make_shared<TrainOptions>();
            app.add_option("--run", options->run,
                           "The run's folder (default: runs/<name>-001, the next free number)")
                ->type_name("DIR");
            app.add_option("--init", options->init, "Start from these weights, a safetensors file")
                ->type_name("WEIGHTS");
            const auto arguments = run_arguments(app);
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
                           "Change train.epochs, stop, checkpoint, threads, max_steps or log_every")
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
