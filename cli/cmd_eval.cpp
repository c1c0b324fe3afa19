#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/trained_arguments.h"
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

ExitCode eval(const TrainedArguments& trained, const std::string& split, bool json) {
  EvalOptions options{.setup = trained.setup, .weights = trained.choice(), .split = {}};
  if (!split.empty()) options.split = read_split(split);
  SignalWatcher signals;
  const StopFlag& stop = signals.catch_stops();
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
            const auto trained = trained_arguments(app);
            const auto split = std::make_shared<std::string>();
            const auto json = std::make_shared<bool>(false);
            app.add_option("--split", *split, "train, valid or test (default: test, else valid)")
                ->type_name("SPLIT");
            app.add_flag("--json", *json, "Print one JSON line");
            return [=] { return eval(*trained, *split, *json); };
          }};
}

}  // namespace dl
