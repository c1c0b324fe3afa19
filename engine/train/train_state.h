#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/classification_metrics.h"
#include "engine/train/ranking_metrics.h"
#include "engine/train/regression_metrics.h"
#include "engine/train/schedule.h"

namespace dl {

/// Sums from which the metrics of an epoch are made; they can be saved in its middle.
struct MetricSums {
  struct LossSum {
    double sum = 0, count = 0;  // of mean * count over batches, and of count
  };
  /// In the order of the graph's losses; then, where the Meter has it, the plain form of one.
  std::vector<LossSum> losses;
  std::int64_t top1 = 0, top5 = 0, labelled = 0;
  std::vector<ClassCounts> classes;  // for F1, where there are classes or labels
  double absolute = 0, squared = 0;  // of a regression's errors, in the target's units
  std::int64_t values = 0;           // that were predicted there
  std::vector<OutputSums> outputs;   // for R2; of the numbers as the network sees them
  /// Of each class or label; known at the end of an evaluation alone, and saved by none.
  std::vector<RankingScores> rankings;
  std::int64_t samples = 0;
  double seconds = 0, wait_seconds = 0;
};

/// Everything that changes while training, except weights and the optimiser's slots. What a
/// checkpoint's state.json holds; leaving out a field must break resuming.
struct TrainState {
  std::int64_t epoch = 0;           // finished epochs
  std::int64_t batch = 0;           // batches of the running epoch that are done
  std::int64_t step = 0;            // optimiser steps
  std::int64_t skipped = 0;         // steps left out because a gradient was not finite
  std::int64_t skipped_in_row = 0;  // of them, since the last one that was not
  MetricSums sums;                  // of the running epoch
  ScheduleState schedule;
  std::vector<std::int64_t> phase_updates;  // updates that were done when each phase began
  std::optional<double> best;               // of the monitored metric
  std::optional<double> best_loss;          // of that epoch: of equal ones the lower is the best
  std::int64_t best_epoch = 0;              // from 1
  std::optional<std::int64_t> best_step;    // optimiser steps at its end
  std::optional<double> stop_reference;     // what train.stop found better last
  std::int64_t epochs_since_best = 0;       // since then
  double elapsed_seconds = 0;
  std::uint64_t jsonl_bytes = 0, csv_bytes = 0;  // sizes of the metrics files
  std::uint64_t diagnostics_bytes = 0;           // and of diagnostics.jsonl
};

/// What a checkpoint says of the run it belongs to; compared when the run is resumed.
struct RunIdentity {
  std::string config_digest;     // of what may not change
  std::string data_fingerprint;  // of the training data
  std::uint64_t seed = 0;
};

std::string to_json(const TrainState& state, const RunIdentity& identity);
/// Throws UserError (ExitCode::weights) naming `path` when a field is missing or of the wrong type.
TrainState state_from_json(const std::string& text, const std::string& path, RunIdentity& identity);

/// What a state.json tells those who only look for something in it.
struct StateGlance {
  std::string config_digest;
  bool tells_best = false;  // not in those of older versions
  std::optional<std::int64_t> best_step;
  double elapsed_seconds = 0;
};
/// None where it is damaged.
std::optional<StateGlance> glance_at_state(const std::string& text);

}  // namespace dl
