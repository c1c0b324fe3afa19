#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/aligned_buffer.h"
#include "engine/plan/program.h"
#include "engine/train/setup.h"
#include "engine/train/updater.h"

namespace dl {

/// A training step of a setup on made-up data in memory, to be timed. With the threads that are set
/// when it is made.
class TrainingStep {
 public:
  /// Throws UserError (ExitCode::memory) where it does not fit.
  explicit TrainingStep(const Setup& setup);
  TrainingStep(const TrainingStep&) = delete;
  TrainingStep& operator=(const TrainingStep&) = delete;

  /// One step, and how long it took.
  double run_ms();
  const WeightStore& store() const { return store_; }
  Program& program() { return programs_.get(Purpose::train, batch_); }
  StepContext context() const { return {.seed = setup_.config.seed, .step = number_}; }

 private:
  const Setup& setup_;
  std::int64_t batch_;
  WeightStore store_;
  Programs programs_;
  std::optional<Updater> updater_;
  std::vector<AlignedBuffer> buffers_;
  std::vector<const void*> tensors_;  // of every input of the graph in training
  std::int64_t number_ = 0;
};

}  // namespace dl
