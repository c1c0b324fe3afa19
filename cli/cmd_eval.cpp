#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "engine/core/text.h"
#include "engine/train/evaluation.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

constexpr std::size_t kWidestConfusion = 20;  // classes that fit a terminal

void print_json(const Evaluation& evaluation) {
  nlohmann::ordered_json out = {{"split", evaluation.split}, {"samples", evaluation.samples}};
  for (const auto& [name, value] : evaluation.metrics) out[name] = value;
  out["weights"] = escaped(evaluation.weights);
  if (evaluation.confusion) {
    const std::vector<ClassScores> scores = evaluation.confusion->scores();
    for (std::size_t c = 0; c < scores.size(); ++c) {
      out["classes"].push_back({{"name", escaped(evaluation.class_names[c])},
                                {"samples", scores[c].samples},
                                {"precision", scores[c].precision},
                                {"recall", scores[c].recall},
                                {"f1", scores[c].f1}});
    }
    out["confusion"] = evaluation.confusion->rows();
  }
  fmt::print("{}\n", out.dump());
}

void print_classes(const Evaluation& evaluation) {
  const std::vector<ClassScores> scores = evaluation.confusion->scores();
  fmt::print("\n{:<16}{:>9}{:>11}{:>9}{:>9}\n", "class", "samples", "precision", "recall", "f1");
  for (std::size_t c = 0; c < scores.size(); ++c) {
    fmt::print("{:<16}{:>9}{:>11.4f}{:>9.4f}{:>9.4f}\n", escaped(evaluation.class_names[c]),
               scores[c].samples, scores[c].precision, scores[c].recall, scores[c].f1);
  }
  const MacroScores mean = macro_average(scores);
  fmt::print("{:<25}{:>11.4f}{:>9.4f}{:>9.4f}\n", "mean", mean.precision, mean.recall, mean.f1);
  if (scores.size() > kWidestConfusion) return;
  fmt::print("\nconfusion: rows are the true classes, columns the predicted\n");
  for (std::size_t c = 0; c < scores.size(); ++c) {
    fmt::print("{:<16}", escaped(evaluation.class_names[c]));
    for (std::size_t k = 0; k < scores.size(); ++k)
      fmt::print("{:>7}", evaluation.confusion->at(c, k));
    fmt::print("\n");
  }
}

void print_text(const Evaluation& evaluation) {
  fmt::print("{}: {} samples, {}\nweights: {}\n", evaluation.split, evaluation.samples,
             metrics_text(evaluation.metrics), escaped(evaluation.weights));
  if (evaluation.confusion) print_classes(evaluation);
}

ExitCode eval(EvalOptions options, const std::string& split, const std::string& weights,
              bool checkpoint_said, bool json) {
  if (!split.empty()) options.split = read_split(split);
  if (weights == "ema" || weights == "raw") {
    options.weights.averaged = weights == "ema";
  } else {
    options.weights.file = weights;
  }
  if (!options.weights.file.empty() && checkpoint_said)
    throw UserError(ExitCode::command_line,
                    "--weights FILE and --checkpoint each name the weights: give one of them");
  static StopFlag stop;  // handlers outlive the command
  catch_signals(stop);
  const Evaluation evaluation = evaluate_network(options, stop);
  for (const std::string& note : evaluation.notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  if (stop.requested()) return static_cast<ExitCode>(128 + stop.signal.load());
  (json ? print_json : print_text)(evaluation);
  return ExitCode::finished;
}

}  // namespace

Command eval_command() {
  return {"eval", "Evaluate a run, or a config with given weights", [](CLI::App& app) {
            const auto options = std::make_shared<EvalOptions>();
            const auto split = std::make_shared<std::string>(),
                       weights = std::make_shared<std::string>();
            const auto json = std::make_shared<bool>(false);
            app.add_option("target", options->target, "A run's folder, or a config")
                ->required()
                ->type_name("RUN|CONFIG");
            app.add_option("--split", *split, "train, valid or test (default: test, else valid)")
                ->type_name("SPLIT");
            app.add_option("--weights", *weights,
                           "A safetensors file; or ema or raw: a run's averaged weights, or not")
                ->type_name("FILE|ema|raw");
            const CLI::Option* checkpoint =
                app.add_option("--checkpoint", options->weights.checkpoint,
                               "Of a run: best (the default), last, or a checkpoint's folder")
                    ->type_name("WHICH");
            app.add_option("--set", options->sets, "Change a key of the config; may be repeated")
                ->type_name("KEY=VALUE")
                ->allow_extra_args(false);
            app.add_option("--data", options->data_dir, "What @data stands for")->type_name("DIR");
            app.add_flag("--json", *json, "Print one JSON line");
            return [=] { return eval(*options, *split, *weights, checkpoint->count() > 0, *json); };
          }};
}

}  // namespace dl
