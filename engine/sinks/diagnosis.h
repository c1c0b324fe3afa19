#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dl {

/// Euclidean norms over a layer's trained weights.
struct LayerNorms {
  double gradient = 0;  // the step's mean gradient, before clipping
  double weight = 0;    // before the update
  double update = 0;    // weights after it minus weights before
  double ratio() const { return update / weight; }
};
/// Shares, of an activation that is flat somewhere (see FlatRange).
struct LayerActivity {
  double dead = 0;  // of units that are flat everywhere: in all samples, at all positions
  double flat = 0;  // of elements
};
/// What one step showed of a layer.
struct LayerDiagnosis {
  std::string layer, type;
  std::optional<LayerNorms> norms = {};
  std::optional<LayerActivity> activity = {};
  /// Of a layer that reads a sequence: the norm of the gradient that reaches each step of it.
  std::vector<double> gradient_by_time = {};
};

/// A step that was looked at: its layers in the network's order.
struct Diagnosis {
  std::int64_t epoch = 0;  // from 1
  std::int64_t step = 0;   // from 1
  std::vector<LayerDiagnosis> layers = {};
};

/// Its lines of diagnostics.jsonl, one a layer. Keys: epoch, step, layer, type; gradient_norm,
/// weight_norm, update_norm, update_ratio where there are trained weights; dead, flat where there
/// is an activation; gradient_by_time where a sequence is read. Numbers that are not finite are
/// null.
std::string diagnosis_json_lines(const Diagnosis& diagnosis);

/// The newest step in a text of such lines; none without one. A step whose lines are not whole, as
/// a program that was killed leaves it, does not count.
std::optional<Diagnosis> newest_diagnosis(const std::string& jsonl);

/// {"epoch", "step", "layers": [...]}, the layers as in the lines.
nlohmann::ordered_json diagnosis_json(const Diagnosis& diagnosis);

/// For a terminal.
std::string diagnosis_table(const Diagnosis& diagnosis);

}  // namespace dl
