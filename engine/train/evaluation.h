#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/stop_flag.h"
#include "datasets/dataset.h"
#include "engine/sinks/sink.h"
#include "engine/train/classification_metrics.h"
#include "engine/train/ranking_metrics.h"
#include "engine/train/trained_network.h"

namespace dl {

struct EvalOptions {
  SetupOptions setup;  // of a run's folder, or of a config
  WeightChoice weights;
  std::optional<Split> split;  // test if there is one, else valid, unless said
};

/// How one class fared; of a yes_no task one label.
struct ClassResult {
  std::string name;
  ClassScores scores;
  std::optional<double> accuracy = {};        // of a label
  std::optional<RankingScores> ranking = {};  // against all others
};

struct Evaluation {
  std::string split, weights;  // which were used
  std::int64_t samples = 0;
  Metrics metrics;
  std::optional<ConfusionMatrix> confusion;  // of a classification
  std::vector<ClassResult> classes;          // likewise; of a yes_no task its labels
  std::vector<std::string> notes;            // checkpoints passed over, tensors not used
};

Evaluation evaluate_network(const EvalOptions& options, const StopFlag& stop);

}  // namespace dl
