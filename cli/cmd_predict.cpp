#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/result_file.h"
#include "engine/core/text.h"
#include "engine/train/prediction.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

struct Words {
  std::string split, weights, output, input;
  bool csv = false;
};

ExitCode run_predict(PredictOptions options, const Words& words) {
  if (!words.input.empty()) options.files.push_back(words.input);
  if (!words.split.empty()) options.split = read_split(words.split);
  if (words.weights == "ema" || words.weights == "raw") {
    options.weights.averaged = words.weights == "ema";
  } else {
    options.weights.file = words.weights;
  }
  static StopFlag stop;  // handlers outlive the command
  catch_signals(stop);
  std::optional<ResultFile> file;
  if (!words.output.empty())
    file.emplace(words.output);  // before the work: it may be no place for files
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
        const auto options = std::make_shared<PredictOptions>();
        const auto words = std::make_shared<Words>();
        app.add_option("run", options->setup.config, "A run's folder, or a config")
            ->required()
            ->type_name("RUN|CONFIG");
        CLI::Option* split = app.add_option("--split", words->split,
                                            "train, valid or test (default: test, else valid)")
                                 ->type_name("SPLIT");
        app.add_option(
               "files", options->files,
               "Instead of a split: pictures and folders of them, or a file of the source's "
               "format; they need have no targets")
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
        app.add_option("--weights", words->weights,
                       "A safetensors file; or ema or raw: a run's averaged weights, or not")
            ->type_name("FILE|ema|raw");
        app.add_option("--checkpoint", options->weights.checkpoint,
                       "Of a run: best (the default), last, or a checkpoint's folder")
            ->type_name("WHICH");
        app.add_option("--set", options->setup.sets, "Change a key of the config; may be repeated")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false);
        app.add_option("--data", options->setup.data_dir, "What @data stands for")
            ->type_name("DIR");
        return [=] { return run_predict(*options, *words); };
      }};
}

}  // namespace dl
