#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "engine/core/text.h"
#include "engine/train/generation.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

ExitCode generate(GenerateOptions options, const std::string& weights) {
  if (weights == "ema" || weights == "raw") {
    options.weights.averaged = weights == "ema";
  } else {
    options.weights.file = weights;
  }
  static StopFlag stop;  // handlers outlive the command
  catch_signals(stop);
  std::vector<std::string> notes;
  generate_text(options, stop, notes, [](std::string_view text) {
    fmt::print("{}", text);
    std::fflush(stdout);  // people watch
  });
  fmt::print("\n");
  for (const std::string& note : notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  return stop.requested() ? static_cast<ExitCode>(128 + stop.signal.load()) : ExitCode::finished;
}

}  // namespace

Command generate_command() {
  return {
      "generate", "Write a text with a language model", [](CLI::App& app) {
        const auto options = std::make_shared<GenerateOptions>();
        const auto weights = std::make_shared<std::string>();
        app.add_option("run", options->setup.config, "A run's folder, or a config")
            ->required()
            ->type_name("RUN|CONFIG");
        app.add_option("--prompt", options->prompt, "What the text begins with")->type_name("TEXT");
        app.add_option("--length", options->length, "Tokens to write (default: 500)")
            ->check(CLI::Range(1, 1'000'000'000))
            ->type_name("N");
        app.add_option("--temperature", options->sampling.temperature,
                       "1: as the network has learned; lower: safer; 0: always the likeliest")
            ->check(CLI::Range(0.0, 100.0))
            ->type_name("T");
        app.add_option("--top-k", options->sampling.top_k,
                       "Choose among so many of the likeliest tokens (default: all)")
            ->check(CLI::Range(1, 1'000'000'000))
            ->type_name("K");
        app.add_option("--seed", options->sampling.seed, "Another seed, another text")
            ->type_name("S");
        app.add_option("--weights", *weights,
                       "A safetensors file; or ema or raw: a run's averaged weights, or not")
            ->type_name("FILE|ema|raw");
        app.add_option("--checkpoint", options->weights.checkpoint,
                       "Of a run: best (the default), last, or a checkpoint's folder")
            ->type_name("WHICH");
        app.add_option("--data", options->setup.data_dir, "What @data stands for")
            ->type_name("DIR");
        return [=] { return generate(*options, *weights); };
      }};
}

}  // namespace dl
