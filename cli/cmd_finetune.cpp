#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/print_network.h"
#include "cli/run_arguments.h"
#include "engine/core/file_system.h"
#include "engine/train/runs.h"

namespace dl {
namespace {

struct Arguments {
  std::string from, rename;
  std::vector<std::string> freeze, heads;
  bool strict = false;
};

constexpr const char* kAll = "true";  // --freeze without a glob

/// A text as --set reads it back, whatever is in it.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : c == '$' ? "$$" : std::string(1, c);
  return out + "'";
}

std::string list_of(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(quoted(text));
  return "[" + join(parts, ", ") + "]";
}

/// The config says the same: what the arguments say is set there, so that the run remembers it.
std::vector<std::string> sets_of(const Arguments& arguments) {
  std::vector<std::string> sets;
  if (!arguments.from.empty()) sets.push_back("finetune.from=" + quoted(arguments.from));
  if (!arguments.heads.empty()) sets.push_back("finetune.head=" + list_of(arguments.heads));
  if (!arguments.rename.empty()) sets.push_back("finetune.rename=" + quoted(arguments.rename));
  if (arguments.strict) sets.push_back("finetune.strict=true");
  std::vector<std::string> globs;
  bool all = false;
  for (const std::string& glob : arguments.freeze) {
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
  return sets;
}

}  // namespace

Command finetune_command() {
  return {"finetune", "Train a network that begins with the weights of another", [](CLI::App& app) {
            const auto setup = config_arguments(app);
            const auto options = std::make_shared<TrainOptions>();
            const auto arguments = std::make_shared<Arguments>();
            app.add_option("--from", arguments->from,
                           "Where the weights come from: a run's folder or a .safetensors file")
                ->type_name("SOURCE");
            app.add_flag("--freeze{true}", arguments->freeze,
                         "Do not train what was loaded; --freeze=GLOB: the weights that match; may "
                         "be repeated")
                ->type_name("[=GLOB]");
            app.add_option("--head", arguments->heads,
                           "A layer that is started anew, whatever the source has; may be repeated")
                ->type_name("LAYER")
                ->allow_extra_args(false);
            app.add_option("--rename", arguments->rename,
                           "Whose names the source's tensors have: torchvision or timm")
                ->type_name("PRESET");
            app.add_flag("--strict", arguments->strict,
                         "All but the head must be in the source, and all in it must be used");
            const auto run = new_run_arguments(app, options->run);
            return [=]() -> ExitCode {
              read_run_arguments(*run, *options);
              options->setup = *setup;
              for (const std::string& set : sets_of(*arguments)) options->setup.sets.push_back(set);
              options->finetunes = true;
              options->before_start = print_network;
              const auto files = real_file_system();
              return train_run(*files, *options);
            };
          }};
}

}  // namespace dl
