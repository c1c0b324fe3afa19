#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/config/run_config.h"
#include "engine/plan/program.h"
#include "engine/sinks/diagnosis.h"

namespace dl {

/// Looks into the network every so many steps: norms of gradient, weights and update by layer, and
/// the units of activations that are dead. What it needs is laid out when it is made; steps that
/// are not due cost nothing. Sums have a fixed order, so threads do not change a bit.
class Diagnostics {
 public:
  /// The probes are those of the training programs.
  Diagnostics(const DiagnosticsConfig& config, const Graph& graph, const WeightStore& store,
              std::span<const Probe> probes, std::span<const TimeProbe> time_probes);

  /// Whether to look at this step, counted from 1: the first, and then every so many.
  bool due(std::int64_t step) const { return step == 1 || step % every_ == 0; }

  // In a step that is due, in this order:
  /// After each run of a training program with StepContext::diagnose; `weight` as the updater has
  /// it.
  void add_batch(const Program& program, double weight);
  /// `gradients` times `scale` is the step's mean gradient. Called even where it is not finite and
  /// no update follows.
  void before_update(std::span<const float> gradients, double scale,
                     std::span<const float> weights);
  void after_update(std::span<const float> weights);
  /// What was found; good until the next step that is due.
  const Diagnosis& finish(std::int64_t epoch, std::int64_t step);

  std::size_t bytes() const;

 private:
  /// At most so many floats of one layer's weights, summed by one thread.
  struct Piece {
    std::size_t row, offset, size;
  };
  /// An activation's counts over the batches of a step.
  struct Counts {
    std::size_t row;
    std::int64_t elements_per_unit = 0;
    std::vector<std::int64_t> flat;  // by unit
  };

  /// The gradients of a sequence's steps over the batches of a step.
  struct TimeSums {
    std::size_t row;
    std::vector<double> squares;  // by step of the sequence
  };

  void add_weights(std::size_t row, const StoredWeight& weight);
  /// The norm of each layer, from partial_, into the field of its row.
  void collect(double LayerNorms::*field, double scale);

  std::int64_t every_;
  Diagnosis diagnosis_;  // its rows are made once
  std::vector<Piece> pieces_;
  std::vector<double> partial_;  // by piece
  std::vector<Counts> counts_;   // by probe
  std::vector<TimeSums> times_;  // by time probe
  double weight_ = 0;            // of the step's batches
  std::vector<float> before_;    // the weights before the update
};

}  // namespace dl
