#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/stop_flag.h"
#include "datasets/batches.h"
#include "engine/plan/program.h"
#include "engine/sinks/sink.h"
#include "engine/train/diagnostics.h"
#include "engine/train/meter.h"
#include "engine/train/saver.h"
#include "engine/train/setup.h"
#include "engine/train/train_state.h"
#include "engine/train/updater.h"

namespace dl {

/// The parts that training works with; all borrowed.
struct Job {
  const Setup& setup;
  const Phase& phase;
  WeightStore& store;
  Programs& programs;
  Updater& updater;
  const Meter& meter;
  Batches& train;
  Batches* valid;  // none: no validation
  Sinks& sinks;
  StopFlag& stop;
  Saver& saver;
  /// Set by SIGUSR1: asks for a checkpoint after the running step, once.
  std::atomic<bool>& save_now;
  Diagnostics* diagnostics = nullptr;                            // none: no step is looked at
  double max_seconds = std::numeric_limits<double>::infinity();  // --max-time

  std::int64_t steps_per_epoch() const;
  ScheduleContext schedule_context() const;
};

enum class Outcome { completed, stopped_early, max_steps, out_of_time, interrupted, diverged };
/// "completed", "stopped early", ...: for people and for exit.json.
std::string_view outcome_text(Outcome outcome);

/// Whether train.stop's patience is at its end.
bool stopped_early(const TrainConfig& config, const TrainState& state);

/// Trains from `state` on until an end, the phase's at the latest (`completed`); `state` is then
/// what was saved last.
Outcome run_training(Job& job, TrainState& state);

/// One pass over a split with the weights as they are; none when a stop was requested meanwhile.
/// `confusion`, where it is wanted: of a classification.
std::optional<MetricSums> evaluate(Programs& programs, const Meter& meter, Batches& batches,
                                   const StopFlag& stop, ConfusionMatrix* confusion = nullptr);

/// What the data set says of predicting without a network, beside the metrics of one.
void add_baselines(const Batches& batches, Metrics& metrics);
/// The names of what an evaluation of a split reports.
std::vector<std::string> evaluated_metrics(const Meter& meter, const Batches& batches);
/// All that a line of metrics.csv can hold; the data that is evaluated may be null.
std::vector<std::string> metric_names(const Meter& meter, std::span<Batches* const> evaluated);

/// The report of a pass: metrics, rates, times.
EpochReport make_report(const Meter& meter, const MetricSums& sums, Purpose purpose,
                        const std::string& split, const TrainState& state);

}  // namespace dl
