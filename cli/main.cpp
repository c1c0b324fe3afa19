#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>

#include "cli/command.h"
#include "core/error.h"
#include "core/file_system.h"
#include "core/standard_streams.h"
#include "core/text.h"
#include "engine/train/environment.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

Command computing(Command command) {
  command.computes = true;
  return command;
}

std::vector<Command> all_commands() {
  return {computing(train_command()),
          computing(finetune_command()),
          computing(resume_command()),
          computing(eval_command()),
          computing(predict_command()),
          computing(generate_command()),
          import_command(),
          export_command(),
          init_command(),
          check_command(),
          summary_command(),
          compare_command(),
          computing(bench_command()),
          configs_command(),
          docs_command()};
}

std::string version_text() {
  const Environment environment = this_environment();
  return fmt::format("dltool {}\noneDNN {}, {}, {} threads", environment.dltool, environment.onednn,
                     environment.isa, environment.threads);
}

constexpr const char* kFooter =
    "A config describes network, data and training in one YAML file: see docs/config.md and "
    "`dltool docs`.\n"
    "Exit codes: 0 finished, 1 internal error, 2 command line, 3 config, 4 data, 5 weights or "
    "checkpoint,\n"
    "6 output, 7 memory, 8 diverged, 10 run folder exists or nothing to resume, 11 run folder "
    "locked,\n"
    "13 --require not met, 129/130/143 stopped by a signal after saving.";

/// CLI11 would only say that a verb is missing.
void check_verb(const std::vector<Command>& commands, const std::string& verb) {
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  if (verb.starts_with('-') || std::find(names.begin(), names.end(), verb) != names.end()) return;
  throw UserError(ExitCode::command_line, "unknown verb '" + verb + "'" + did_you_mean(verb, names),
                  "verbs: " + join(names, ", "));
}

/// OpenMP's threads spin while they wait for each other. By default they do for milliseconds, and
/// on a machine that has other work as well they keep the core from the very thread that they wait
/// for. libgomp reads before main() for how long, so the program starts again, once, with a number
/// that costs nothing where the machine is idle. Returns where a user has said what he wants, and
/// where the program cannot be found.
void restart_with_short_spins(char** argv) {
  constexpr const char* kSpins = "10000";
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  std::error_code error;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error || ::setenv("GOMP_SPINCOUNT", kSpins, 1) != 0) return;
  ::execv(self.c_str(), argv);
}

bool computes(const std::vector<Command>& commands, std::string_view verb) {
  return std::ranges::any_of(
      commands, [&](const Command& command) { return command.computes && command.name == verb; });
}

int run(int argc, char** argv, const std::vector<Command>& commands) {
  CLI::App app{"dltool trains deep networks on CPUs, from one YAML file.", "dltool"};
  app.set_version_flag(
      "--version", version_text,
      "Print the versions of dltool and oneDNN, the instruction set and the threads");
  app.require_subcommand(1);
  app.footer(kFooter);
  std::function<ExitCode()> chosen;
  if (argc > 1) check_verb(commands, argv[1]);
  for (const Command& command : commands) {
    CLI::App* verb = app.add_subcommand(std::string(command.name), std::string(command.summary));
    verb->callback([&chosen, run = command.declare(*verb)] { chosen = run; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    std::ostringstream message;
    app.exit(error, message, message);
    print_if_possible(stderr, escaped_lines(message.str()));
    return static_cast<int>(ExitCode::command_line);
  }
  return static_cast<int>(chosen());
}

/// Whoever closes one of these does not want to read it in the first file that a run opens.
void open_standard_streams() {
  for (const int descriptor : {0, 1, 2}) {
    if (fcntl(descriptor, F_GETFD) < 0) open("/dev/null", O_RDWR);
  }
}

/// A result that did not reach its reader is a failure.
void flush_results() {
  if (const auto number = lost_result()) throw FileError("write", "the result to stdout", *number);
}

}  // namespace
}  // namespace dl

int main(int argc, char** argv) {
  try {
    const std::vector<dl::Command> commands = dl::all_commands();
    if (argc > 1 && dl::computes(commands, argv[1])) dl::restart_with_short_spins(argv);
    dl::open_standard_streams();
    dl::ignore_write_signals();
    const int code = dl::run(argc, argv, commands);
    if (code == 0) dl::flush_results();
    return code;
  } catch (...) {
    if (dl::is_gone_reader(std::current_exception())) return 0;
    const dl::FailureReport failure = dl::failure_report(std::current_exception());
    dl::print_if_possible(stderr, failure.message + "\n");
    return static_cast<int>(failure.code);
  }
}
