#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned_buffer.h"
#include "datasets/batches.h"
#include "engine/plan/program.h"
#include "engine/train/loss_weights.h"

namespace dl {

/// The batches that training reads, and how much each counts in the step that it is a part of: the
/// gradient of a step is that of one batch of all its samples, whatever the losses are means of.
///
/// Each loss is a mean over a sum of weights of its own. Where one weight will do for all losses, a
/// batch's gradient counts as much as its weight. Where it will not, as with a mask on one of two
/// losses, the batches of a step are read ahead and kept, since each loss's gradient must be scaled
/// by its share of a sum over all of them.
class StepBatches {
 public:
  /// `batches` and `programs`, which have been recorded, must outlive this.
  StepBatches(Batches& batches, const Programs& programs, std::int64_t per_step);

  /// Bytes that reading ahead takes.
  static std::size_t bytes(const Batches& batches, const Programs& programs, std::int64_t per_step);

  void start(std::uint64_t epoch, std::size_t first);
  /// As Batches::next().
  const Batch* next();
  /// Makes the program, before it runs, scale the gradients of its losses as that batch wants.
  void scale_losses(Program& program) const;
  /// What the gradient counts that a program made of that batch: the step's is the mean.
  double weight(const Program& program) const;

 private:
  struct Held {
    AlignedBuffer bytes;
    Batch batch;
    std::vector<double> factors;  // by loss: first what it is a mean of, then what scales it
  };
  void read_step();
  void keep(const Batch& batch, Held& held);

  Batches& batches_;
  std::int64_t per_step_;
  LossWeights weights_;
  std::vector<Held> held_;  // empty: nothing is read ahead
  std::size_t count_ = 0, at_ = 0;
  std::vector<const void*> tensors_;
};

}  // namespace dl
