#include "engine/sinks/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text.h"

namespace dl {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json layer_json(const LayerDiagnosis& layer) {
  ordered_json out = {{"layer", layer.layer}, {"type", layer.type}};
  if (layer.norms) {
    out["gradient_norm"] = layer.norms->gradient;
    out["weight_norm"] = layer.norms->weight;
    out["update_norm"] = layer.norms->update;
    out["update_ratio"] = layer.norms->ratio();
  }
  if (layer.activity) {
    out["dead"] = layer.activity->dead;
    out["flat"] = layer.activity->flat;
  }
  if (!layer.gradient_by_time.empty()) out["gradient_by_time"] = layer.gradient_by_time;
  return out;
}

/// Null stands for a number that is not finite.
double read_number(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

LayerDiagnosis read_layer(const json& line) {
  LayerDiagnosis layer{.layer = line.at("layer"), .type = line.at("type")};
  if (line.contains("gradient_norm")) {
    layer.norms = {.gradient = read_number(line.at("gradient_norm")),
                   .weight = read_number(line.at("weight_norm")),
                   .update = read_number(line.at("update_norm"))};
  }
  if (line.contains("dead")) layer.activity = {.dead = line.at("dead"), .flat = line.at("flat")};
  if (line.contains("gradient_by_time")) {
    for (const json& value : line.at("gradient_by_time"))
      layer.gradient_by_time.push_back(read_number(value));
  }
  return layer;
}

/// Collects steps line by line and remembers the newest that is whole: that has as many layers as
/// the first.
class NewestStep {
 public:
  void add(const json& line) {
    LayerDiagnosis layer = read_layer(line);
    const std::int64_t epoch = line.at("epoch"), step = line.at("step");
    if (step != current_.step) finish();
    current_.epoch = epoch;
    current_.step = step;
    current_.layers.push_back(std::move(layer));
  }
  void finish() {
    if (layers_ == 0) layers_ = current_.layers.size();
    if (layers_ > 0 && current_.layers.size() == layers_) newest_ = std::move(current_);
    current_ = {};
  }
  std::optional<Diagnosis> take() { return std::move(newest_); }

 private:
  Diagnosis current_;
  std::size_t layers_ = 0;
  std::optional<Diagnosis> newest_;
};

std::string norm_text(double norm) { return fmt::format("{:.3e}", norm); }
std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

using Cells = std::array<std::string, 8>;
using Widths = std::array<std::size_t, 8>;

Cells cells_of(const LayerDiagnosis& layer) {
  Cells cells = {escaped(layer.layer), escaped(layer.type)};
  if (const auto& norms = layer.norms) {
    cells[2] = norm_text(norms->gradient);
    cells[3] = norm_text(norms->weight);
    cells[4] = norm_text(norms->update);
    cells[5] = norm_text(norms->ratio());
  }
  if (const auto& activity = layer.activity) {
    cells[6] = percent(activity->dead);
    cells[7] = percent(activity->flat);
  }
  return cells;
}

constexpr std::size_t kTimesShown = 9;

/// "rnn, gradient by step:  1 1.2e-09   26 3.4e-07 ... 200 1.1e-02", of some steps that are evenly
/// spread.
std::string time_line(const LayerDiagnosis& layer) {
  const std::size_t steps = layer.gradient_by_time.size(), shown = std::min(kTimesShown, steps);
  std::string line = escaped(layer.layer) + ", gradient at step";
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t t = shown == 1 ? 0 : i * (steps - 1) / (shown - 1);
    line += fmt::format("  {}: {:.1e}", t + 1, layer.gradient_by_time[t]);
  }
  return line + "\n";
}

}  // namespace

std::string diagnosis_json_lines(const Diagnosis& diagnosis) {
  std::string lines;
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    ordered_json line = {{"epoch", diagnosis.epoch}, {"step", diagnosis.step}};
    line.update(layer_json(layer));
    lines += line.dump() + "\n";
  }
  return lines;
}

ordered_json diagnosis_json(const Diagnosis& diagnosis) {
  ordered_json out = {
      {"epoch", diagnosis.epoch}, {"step", diagnosis.step}, {"layers", ordered_json::array()}};
  for (const LayerDiagnosis& layer : diagnosis.layers) out["layers"].push_back(layer_json(layer));
  return out;
}

std::optional<Diagnosis> newest_diagnosis(const std::string& jsonl) {
  NewestStep newest;
  std::istringstream in(jsonl);
  try {
    for (std::string line; std::getline(in, line);) newest.add(json::parse(line));
  } catch (const json::exception&) {
    // What is damaged was written last, by a program that was killed.
  }
  newest.finish();
  return newest.take();
}

std::string diagnosis_table(const Diagnosis& diagnosis) {
  std::vector<Cells> rows = {
      {"layer", "type", "gradient", "weight", "update", "update/weight", "dead", "flat"}};
  for (const LayerDiagnosis& layer : diagnosis.layers) rows.push_back(cells_of(layer));
  Widths widths{};
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Cells& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i < 2 ? fmt::format("{:<{}}  ", row[i], widths[i])
                    : fmt::format("{:>{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    if (!layer.gradient_by_time.empty()) out += time_line(layer);
  }
  return out;
}

}  // namespace dl
