#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/print_network.h"
#include "cli/run_arguments.h"
#include "cli/source_commit.h"
#include "cli/transfer_arguments.h"
#include "core/file_system.h"
#include "engine/train/runs.h"

namespace dl {
namespace {

constexpr const char* kAll = "true";  // --freeze without a glob

void add_freeze(const std::vector<std::string>& freeze, std::vector<std::string>& sets) {
  std::vector<std::string> globs;
  bool all = false;
  for (const std::string& glob : freeze) {
    if (glob == kAll)
      all = true;
    else
      globs.push_back(glob);
  }
  if (all && !globs.empty()) {
    throw UserError(ExitCode::command_line,
                    "--freeze alone freezes all that is loaded; with --freeze=GLOB say which",
                    "--freeze='**' --freeze='!fc' takes a layer back");
  }
  if (all) sets.push_back("finetune.freeze=true");
  if (!globs.empty()) sets.push_back("finetune.freeze=" + list_of(globs));
}

/// `--freeze conv1` leaves conv1 alone, as --freeze needs no glob.
void expect_nothing_loose(const std::string& word, bool freezes) {
  if (word.empty()) return;
  throw UserError(ExitCode::command_line, "finetune: '" + word + "' is not expected here",
                  freezes ? "write --freeze=" + shell_word(word) : "");
}

}  // namespace

Command finetune_command() {
  return {"finetune", "Train a network that begins with the weights of another", [](CLI::App& app) {
            const auto setup = config_arguments(app);
            const auto options = std::make_shared<TrainOptions>();
            const auto arguments = transfer_arguments(app);
            const auto freeze = std::make_shared<std::vector<std::string>>();
            app.add_option("--from", arguments->from,
                           "Where the weights come from: a run's folder, a .safetensors file, or "
                           "an .onnx model")
                ->type_name("SOURCE");
            app.add_flag("--freeze{true}", *freeze,
                         "Do not train what was loaded; --freeze=GLOB: the weights that match; may "
                         "be repeated")
                ->type_name("[=GLOB]");
            const auto loose = std::make_shared<std::string>();
            app.add_option("loose", *loose, "")->group("");  // hidden: a glob without its '='
            const auto shortcuts = shortcut_arguments(app);
            const auto run = new_run_arguments(app, options->run);
            return [=]() -> ExitCode {
              expect_nothing_loose(*loose, !freeze->empty());
              read_run_arguments(*run, *options);
              options->setup = *setup;
              options->commit = source_commit();
              for (const std::string& set : shortcuts->sets()) options->setup.sets.push_back(set);
              for (const std::string& set : sets_of(*arguments)) options->setup.sets.push_back(set);
              add_freeze(*freeze, options->setup.sets);
              options->finetunes = true;
              if (!options->quiet) options->before_start = print_network;
              const auto files = real_file_system();
              return train_run(*files, *options);
            };
          }};
}

}  // namespace dl
