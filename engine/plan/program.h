#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/plan/plan.h"
#include "engine/plan/record.h"

namespace dl {

/// A graph made runnable for one purpose and batch size. Recorded when constructed, so that its
/// memory is known; bound to memory once.
class Program {
 public:
  /// `graph` is not kept: a program is complete in itself. `store` must outlive it.
  Program(const Graph& graph, WeightStore& store, const dnnl::engine& engine, Purpose purpose,
          std::int64_t batch, bool probes = false);

  Purpose purpose() const { return purpose_; }
  std::int64_t batch() const { return batch_; }
  std::size_t arena_bytes() const { return layout_.arena.bytes; }
  /// Those of them that are ever written.
  std::span<const Extent> touched() const { return layout_.arena.touched; }
  std::size_t persistent_bytes() const { return layout_.persistent_bytes; }
  /// Allocates what is the program's own, and shares `arena` (at least arena_bytes()).
  void bind(std::span<std::byte> arena);

  /// `tensors`: the data of every input node of the graph, in the graph's order (unneeded ones
  /// too).
  void run(std::span<const void* const> tensors, const StepContext& context);

  struct LossValue {
    float mean, count;
  };
  std::size_t loss_count() const { return losses_.size(); }
  /// Which of the graph's losses it is: train_only ones are not in every program.
  std::size_t loss_index(std::size_t i) const { return losses_[i].index; }
  /// After run(): the mean over the batch, and what it is a mean of.
  LossValue loss(std::size_t i) const;
  /// Likewise of the loss without smoothing and weights; none: it has neither.
  std::optional<LossValue> plain_loss(std::size_t i) const;
  /// From the next run on the gradient is that of the losses times these factors, one for each of
  /// the graph's losses.
  void scale_losses(std::span<const double> factors);
  /// After run(): the predictions, row-major; shape with the batch first.
  std::span<const float> output() const;
  /// Likewise what the fixed part of the graph comes to, where the purpose is that.
  std::size_t feature_count() const { return features_.size(); }
  std::span<const float> feature(std::size_t i) const { return floats(features_[i]); }
  Shape output_shape() const { return output_->shape(); }

  /// Activations that can be looked at; the same ones in programs of every batch size.
  std::span<const Probe> probes() const { return probes_; }
  /// After a run with StepContext::diagnose: how many elements of each unit are flat.
  std::span<const std::int32_t> flat_counts(const Probe& probe) const;
  /// Likewise of the gradients that reach the steps of sequences: sums of squares, by step.
  std::span<const TimeProbe> time_probes() const { return time_probes_; }
  std::span<const float> time_squares(const TimeProbe& probe) const;

  /// Whether any layer carries a state from one run to the next; known before bind().
  bool carries_state() const { return carries_state_; }
  /// What recurrent layers carry from one run to the next; see Plan.
  std::span<const CarriedState> states() const { return plan_->states(); }
  void reset_states() { plan_->reset_states(); }

  Plan& plan() { return *plan_; }  // for measurements

 private:
  std::span<const float> floats(const Value& value) const;
  float scalar(const Value& value) const { return floats(value)[0]; }

  Purpose purpose_;
  std::int64_t batch_;
  WeightStore* store_;
  PlanLayout layout_;
  std::optional<Tape> tape_;  // until bound
  bool carries_state_ = false;
  std::vector<Recording::Loss> losses_;
  std::vector<Probe> probes_;
  std::vector<TimeProbe> time_probes_;
  std::optional<Value> output_;
  std::vector<Value> features_;
  std::vector<std::size_t> input_slots_;  // tape input -> index among the graph's input nodes
  std::unique_ptr<Plan> plan_;
};

/// The programs of a run; they share weights and one arena, since only one runs at a time.
class Programs {
 public:
  /// `graph` as the config has it: activations are fused here, as the purpose allows, and frozen
  /// batch norms folded, as `store` is frozen by now. With `probes` the training programs have
  /// them.
  Programs(const Graph& graph, WeightStore& store, bool probes = false);

  /// Records a program unless there is one for that purpose and batch. Before bind().
  void add(Purpose purpose, std::int64_t batch);
  /// Bytes of the shared arena, of those that are ever written, and of what the programs own
  /// besides.
  std::size_t arena_bytes() const;
  std::size_t touched_bytes() const;
  std::size_t persistent_bytes() const;
  void bind();
  /// One that was added.
  Program& get(Purpose purpose, std::int64_t batch);
  /// Whether a program for that purpose carries states, and how many programs it has.
  bool carries_state(Purpose purpose) const;
  std::size_t count(Purpose purpose) const;
  /// Before the first batch of a pass.
  void reset_states(Purpose purpose);
  /// The graph as training sees it.
  const Graph& training() const { return training_; }
  /// Those of the training programs, which all have the same.
  std::span<const Probe> probes() const;
  std::span<const TimeProbe> time_probes() const;

 private:
  dnnl::engine engine_;
  WeightStore* store_;
  bool with_probes_;
  Graph training_, inference_;
  std::vector<std::unique_ptr<Program>> programs_;
  AlignedBuffer arena_;
};

}  // namespace dl
