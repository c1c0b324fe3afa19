#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "cli/command.h"
#include "cli/trained_arguments.h"
#include "core/file_system.h"
#include "core/text.h"
#include "engine/train/generation.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

ExitCode generate(const TrainedArguments& trained, GenerateOptions options) {
  if (std::isnan(options.sampling.temperature))  // which no range keeps out
    throw UserError(ExitCode::command_line, "--temperature: expected a number from 0 to 100");
  options.setup = trained.setup;
  options.weights = trained.choice();
  SignalWatcher signals;
  const StopFlag& stop = signals.catch_stops();
  std::vector<std::string> notes;
  const bool terminal = isatty(STDOUT_FILENO) != 0;  // which must not obey what a text holds
  generate_text(options, stop, notes, [&](std::string_view text) {
    fmt::print("{}", terminal ? escaped_lines(text) : std::string(text));
    if (std::fflush(stdout) != 0)  // people watch
      throw FileError("write", "the text to stdout", errno);
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
        const auto trained = trained_arguments(app);
        const auto options = std::make_shared<GenerateOptions>();
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
        return [=] { return generate(*trained, *options); };
      }};
}

}  // namespace dl
