#include "engine/train/train_state.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace dl {
namespace {

using nlohmann::json;

/// JSON has no numbers that are not finite: they are texts. A sum of losses can be one.
json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}
double read_number(const json& value) {
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return value.get<double>();
}

json optional_number(const std::optional<double>& value) {
  return value ? number(*value) : json(nullptr);
}
std::optional<double> read_optional(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(read_number(value));
}

json optional_step(const std::optional<std::int64_t>& step) {
  return step ? json(*step) : json(nullptr);
}
/// Older versions did not write it.
std::optional<std::int64_t> read_step(const json& state) {
  const auto at = state.find("best_step");
  return at == state.end() || at->is_null() ? std::nullopt : std::optional(at->get<std::int64_t>());
}

json sums_json(const MetricSums& sums) {
  json losses = json::array();
  for (const MetricSums::LossSum& loss : sums.losses)
    losses.push_back({{"sum", number(loss.sum)}, {"count", number(loss.count)}});
  json classes = json::array();
  for (const ClassCounts& counts : sums.classes)
    classes.push_back({counts.hits, counts.samples, counts.predicted});
  json outputs = json::array();
  for (const OutputSums& output : sums.outputs)
    outputs.push_back({number(output.mean), number(output.spread), number(output.squared)});
  return {{"losses", losses},
          {"top1", sums.top1},
          {"top5", sums.top5},
          {"labelled", sums.labelled},
          {"classes", classes},
          {"absolute", number(sums.absolute)},
          {"squared", number(sums.squared)},
          {"values", sums.values},
          {"outputs", outputs},
          {"samples", sums.samples},
          {"seconds", sums.seconds},
          {"wait_seconds", sums.wait_seconds}};
}

MetricSums read_sums(const json& value) {
  MetricSums sums;
  for (const json& loss : value.at("losses"))
    sums.losses.push_back({read_number(loss.at("sum")), read_number(loss.at("count"))});
  sums.top1 = value.at("top1");
  sums.top5 = value.at("top5");
  sums.labelled = value.at("labelled");
  for (const json& counts : value.at("classes"))
    sums.classes.push_back({counts.at(0), counts.at(1), counts.at(2)});
  sums.absolute = read_number(value.at("absolute"));
  sums.squared = read_number(value.at("squared"));
  sums.values = value.at("values");
  for (const json& output : value.at("outputs")) {
    sums.outputs.push_back(
        {read_number(output.at(0)), read_number(output.at(1)), read_number(output.at(2))});
  }
  sums.samples = value.at("samples");
  sums.seconds = value.at("seconds");
  sums.wait_seconds = value.at("wait_seconds");
  return sums;
}

json schedule_json(const ScheduleState& state) {
  return {{"scale", state.scale},
          {"best", optional_number(state.best)},
          {"bad_epochs", state.bad_epochs},
          {"cooldown", state.cooldown}};
}

ScheduleState read_schedule(const json& value) {
  return {.scale = value.at("scale"),
          .best = read_optional(value.at("best")),
          .bad_epochs = value.at("bad_epochs"),
          .cooldown = value.at("cooldown")};
}

}  // namespace

std::string to_json(const TrainState& state, const RunIdentity& identity) {
  const nlohmann::ordered_json out = {{"version", 1},
                                      {"epoch", state.epoch},
                                      {"batch", state.batch},
                                      {"step", state.step},
                                      {"skipped", state.skipped},
                                      {"skipped_in_row", state.skipped_in_row},
                                      {"sums", sums_json(state.sums)},
                                      {"schedule", schedule_json(state.schedule)},
                                      {"phase_updates", state.phase_updates},
                                      {"best", optional_number(state.best)},
                                      {"best_loss", optional_number(state.best_loss)},
                                      {"best_epoch", state.best_epoch},
                                      {"best_step", optional_step(state.best_step)},
                                      {"stop_reference", optional_number(state.stop_reference)},
                                      {"epochs_since_best", state.epochs_since_best},
                                      {"elapsed_seconds", state.elapsed_seconds},
                                      {"jsonl_bytes", state.jsonl_bytes},
                                      {"csv_bytes", state.csv_bytes},
                                      {"diagnostics_bytes", state.diagnostics_bytes},
                                      {"seed", identity.seed},
                                      {"config_digest", identity.config_digest},
                                      {"data_fingerprint", identity.data_fingerprint}};
  return out.dump(2) + "\n";
}

TrainState state_from_json(const std::string& text, const std::string& path,
                           RunIdentity& identity) {
  try {
    const json in = json::parse(text);
    if (in.at("version") != 1)
      throw UserError(ExitCode::weights, path + ": written by a newer dltool");
    identity = {.config_digest = in.at("config_digest"),
                .data_fingerprint = in.at("data_fingerprint"),
                .seed = in.at("seed")};
    return {.epoch = in.at("epoch"),
            .batch = in.at("batch"),
            .step = in.at("step"),
            .skipped = in.at("skipped"),
            .skipped_in_row = in.value("skipped_in_row", std::int64_t{0}),
            .sums = read_sums(in.at("sums")),
            .schedule = read_schedule(in.at("schedule")),
            .phase_updates = in.at("phase_updates").get<std::vector<std::int64_t>>(),
            .best = read_optional(in.at("best")),
            .best_loss = read_optional(in.value("best_loss", json())),
            .best_epoch = in.at("best_epoch"),
            .best_step = read_step(in),
            .stop_reference = read_optional(in.value("stop_reference", in.at("best"))),
            .epochs_since_best = in.at("epochs_since_best"),
            .elapsed_seconds = in.at("elapsed_seconds"),
            .jsonl_bytes = in.at("jsonl_bytes"),
            .csv_bytes = in.at("csv_bytes"),
            .diagnostics_bytes = in.at("diagnostics_bytes")};
  } catch (const json::exception& error) {
    throw UserError(ExitCode::weights, path + ": damaged: " + error.what());
  }
}

std::optional<StateGlance> glance_at_state(const std::string& text) {
  try {
    const json in = json::parse(text);
    return StateGlance{.config_digest = in.at("config_digest"),
                       .tells_best = in.contains("best_step"),
                       .best_step = read_step(in),
                       .elapsed_seconds = in.at("elapsed_seconds")};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace dl
