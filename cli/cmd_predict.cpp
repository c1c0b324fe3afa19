#include <fmt/format.h>

#include "cli/command.h"
#include "cli/result_file.h"
#include "cli/standard_input.h"
#include "cli/trained_arguments.h"
#include "core/text.h"
#include "engine/train/prediction.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

struct Words {
  std::string split, output, input;
  bool csv = false;
};

ExitCode run_predict(const TrainedArguments& trained, PredictOptions options, const Words& words) {
  options.setup = trained.setup;
  options.weights = trained.choice();
  if (!words.input.empty()) options.files.push_back(words.input);
  if (!words.split.empty()) options.split = read_split(words.split);
  SignalWatcher signals;
  const StopFlag& stop = signals.catch_stops();
  std::optional<StandardInput> input;
  if (std::ranges::count(options.files, "-") > 0) {
    if (options.files.size() > 1) {
      throw UserError(ExitCode::command_line, "predict: '-', which is stdin, stands alone");
    }
    input.emplace(stop);
    if (stop.requested()) return static_cast<ExitCode>(128 + stop.signal.load());
    options.files.clear();
    options.standard_input = input->path();
  }
  std::optional<ResultFile> file;
  if (!words.output.empty())
    file.emplace(words.output);  // before the work: it may be no place for files
  options.to_file = file.has_value();
  std::vector<std::string> notes;
  predict(options, stop, notes, [&](std::string_view text) {
    if (file) {
      file->write(text);
    } else {
      fmt::print("{}", text);
    }
  });
  for (const std::string& note : notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  if (stop.requested()) return static_cast<ExitCode>(128 + stop.signal.load());
  if (file) file->finish();
  return ExitCode::finished;
}

}  // namespace

Command predict_command() {
  return {
      "predict", "Write what a run predicts of a split or of a file", [](CLI::App& app) {
        const auto trained = trained_arguments(app);
        const auto options = std::make_shared<PredictOptions>();
        const auto words = std::make_shared<Words>();
        CLI::Option* split = app.add_option("--split", words->split,
                                            "train, valid or test (default: test, else valid)")
                                 ->type_name("SPLIT");
        app.add_option(
               "files", options->files,
               "Instead of a split: images and folders of them, or a file of the source's "
               "format; they need have no targets. '-' is stdin: rows of that format, an image, or "
               "the paths of images, one a line")
            ->excludes(split)
            ->type_name("FILE|FOLDER");
        app.add_option("--input", words->input, "Another way to name one file")
            ->excludes(split)
            ->type_name("FILE");
        app.add_flag("--skip-bad", options->skip_bad,
                     "Leave pictures out that cannot be read, and list them")
            ->excludes(split);
        app.add_option("-o,--output", words->output, "Where the table goes (default: stdout)")
            ->type_name("FILE");
        CLI::Option* csv = app.add_flag("--csv", words->csv, "As CSV with a header (the default)");
        app.add_flag("--json", options->json, "As a line of JSON for each sample")->excludes(csv);
        app.add_option("--top", options->top, "Of a classification: tell the K likeliest classes")
            ->check(CLI::Range(1, 1'000'000'000))
            ->type_name("K");
        return [=] { return run_predict(*trained, *options, *words); };
      }};
}

}  // namespace dl
