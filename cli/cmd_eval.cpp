#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/trained_arguments.h"
#include "core/text.h"
#include "engine/train/evaluation.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

constexpr std::size_t kWidestConfusion = 20;  // classes that fit a terminal

nlohmann::ordered_json or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json class_json(const ClassResult& result) {
  nlohmann::ordered_json out = {{"name", escaped(result.name)},
                                {"samples", result.scores.samples},
                                {"precision", result.scores.precision},
                                {"recall", result.scores.recall},
                                {"f1", result.scores.f1}};
  if (result.accuracy) out["accuracy"] = *result.accuracy;
  if (!result.ranking) return out;
  out["auc"] = or_null(result.ranking->auc);
  out["average_precision"] = or_null(result.ranking->average_precision);
  return out;
}

void print_json(const Evaluation& evaluation) {
  nlohmann::ordered_json out = {{"split", evaluation.split}, {"samples", evaluation.samples}};
  for (const auto& [name, value] : evaluation.metrics) out[name] = value;
  out["weights"] = escaped(evaluation.weights);
  for (const ClassResult& result : evaluation.classes)
    out[evaluation.confusion ? "classes" : "labels"].push_back(class_json(result));
  if (evaluation.confusion) out["confusion"] = evaluation.confusion->rows();
  fmt::print("{}\n", out.dump());
}

/// A column of the table of classes, or of labels.
struct Column {
  std::string_view title;
  std::function<std::optional<double>(const ClassResult&)> value;

  std::size_t width() const { return std::max<std::size_t>(title.size() + 2, 11); }
};

std::vector<Column> columns_of(const ClassResult& result) {
  std::vector<Column> columns;
  if (result.accuracy)
    columns.push_back({"accuracy", [](const ClassResult& one) { return one.accuracy; }});
  columns.push_back({"precision", [](const ClassResult& one) { return one.scores.precision; }});
  columns.push_back({"recall", [](const ClassResult& one) { return one.scores.recall; }});
  columns.push_back({"f1", [](const ClassResult& one) { return one.scores.f1; }});
  if (!result.ranking) return columns;
  columns.push_back({"auc", [](const ClassResult& one) { return one.ranking->auc; }});
  columns.push_back(
      {"average_precision", [](const ClassResult& one) { return one.ranking->average_precision; }});
  return columns;
}

/// The mean is over the values that are defined.
void print_classes(const std::vector<ClassResult>& results, const char* what) {
  const std::vector<Column> columns = columns_of(results[0]);
  const auto print = [](const Column& column, const std::optional<double>& value) {
    fmt::print("{:>{}}", value ? fmt::format("{:.4f}", *value) : "-", column.width());
  };
  fmt::print("\n{:<16}{:>9}", what, "samples");
  for (const Column& column : columns) fmt::print("{:>{}}", column.title, column.width());
  for (const ClassResult& result : results) {
    fmt::print("\n{:<16}{:>9}", escaped(result.name), result.scores.samples);
    for (const Column& column : columns) print(column, column.value(result));
  }
  fmt::print("\n{:<25}", "mean");
  for (const Column& column : columns) {
    double sum = 0, count = 0;
    for (const ClassResult& result : results) {
      sum += column.value(result).value_or(0);
      count += column.value(result) ? 1 : 0;
    }
    print(column, count > 0 ? std::optional(sum / count) : std::nullopt);
  }
  fmt::print("\n");
}

void print_confusion(const ConfusionMatrix& confusion, const std::vector<ClassResult>& classes) {
  if (classes.size() > kWidestConfusion) return;
  fmt::print("\nconfusion: rows are the true classes, columns the predicted\n");
  for (std::size_t c = 0; c < classes.size(); ++c) {
    fmt::print("{:<16}", escaped(classes[c].name));
    for (std::size_t k = 0; k < classes.size(); ++k) fmt::print("{:>7}", confusion.at(c, k));
    fmt::print("\n");
  }
}

void print_text(const Evaluation& evaluation) {
  fmt::print("{}: {} samples, {}\nweights: {}\n", evaluation.split, evaluation.samples,
             metrics_text(evaluation.metrics), escaped(evaluation.weights));
  if (!evaluation.classes.empty())
    print_classes(evaluation.classes, evaluation.confusion ? "class" : "label");
  if (evaluation.confusion) print_confusion(*evaluation.confusion, evaluation.classes);
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
