#include <fcntl.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/command.h"
#include "engine/core/error.h"
#include "engine/core/file_system.h"
#include "engine/core/text.h"
#include "engine/train/environment.h"

namespace dl {
namespace {

std::vector<Command> all_commands() {
  return {train_command(),   finetune_command(), resume_command(),  eval_command(),
          predict_command(), generate_command(), import_command(),  export_command(),
          init_command(),    check_command(),    summary_command(), compare_command(),
          bench_command(),   configs_command(),  docs_command()};
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

int run(int argc, char** argv) {
  CLI::App app{"dltool trains deep networks on CPUs, from one YAML file.", "dltool"};
  app.set_version_flag(
      "--version", version_text,
      "Print the versions of dltool and oneDNN, the instruction set and the threads");
  app.require_subcommand(1);
  app.footer(kFooter);
  std::function<ExitCode()> chosen;
  const std::vector<Command> commands = all_commands();
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
    app.exit(error);
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

/// A reader that went away and a limit on files become errors of writing, in every verb.
void ignore_write_signals() {
  for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
}

/// A result that did not reach its reader is a failure.
void flush_results() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw FileError("write", "the result to stdout", errno != 0 ? errno : EIO);
}

}  // namespace
}  // namespace dl

int main(int argc, char** argv) {
  try {
    dl::open_standard_streams();
    dl::ignore_write_signals();
    const int code = dl::run(argc, argv);
    if (code == 0) dl::flush_results();
    return code;
  } catch (...) {
    const dl::FailureReport failure = dl::failure_report(std::current_exception());
    dl::print_if_possible(stderr, failure.message + "\n");
    return static_cast<int>(failure.code);
  }
}
