#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.h"
#include "engine/plan/arena.h"
#include "engine/plan/weight_store.h"
#include "layers/tape.h"

namespace dl {

/// A tape with its memory laid out, before any is allocated: what `summary` reports and what is
/// compared with the machine's limit.
struct PlanLayout {
  std::vector<int> block_of;  // value -> arena block, or -1
  ArenaLayout arena;
  std::size_t persistent_bytes = 0;
};
PlanLayout lay_out_plan(const Tape& tape);

/// What a layer carries from one run to the next, under the node's name and its own:
/// "lstm1.h_l0".
struct CarriedState {
  std::string name;
  Shape shape;
  std::span<float> values;
};

/// A recorded program bound to memory. Made once; run() only executes.
class Plan {
 public:
  /// `arena` holds at least lay_out_plan(tape).arena.bytes and may serve several plans, one at a
  /// time.
  Plan(Tape tape, const PlanLayout& layout, WeightStore& store, std::span<std::byte> arena);

  /// Inputs are numbered in the order in which the tape recorded them.
  std::size_t input_count() const { return inputs_.size(); }
  /// Where the batch lies that the next run reads; as many bytes as the input's description says.
  void set_input(std::size_t input, const void* data);
  /// Runs everything: what brings weights up to date (if they changed), forward, backward.
  void run(const StepContext& context);
  /// What is carried from run to run, in the order of recording; zero until a run writes it.
  std::span<const CarriedState> states() const { return states_; }
  void reset_states();
  /// The bytes of a value that the recorder kept.
  void* data(const Value& value) const { return pointers_[value.id]; }

  // For measurements: the steps one by one, those of the first section included.
  std::span<const TapeStep> steps() const { return tape_.steps(); }
  void run_step(std::size_t i, const StepContext& context) { execute(i, context); }

 private:
  void place_values(const PlanLayout& layout, WeightStore& store, std::span<std::byte> arena);
  void bind_steps();
  bool reads_changing_weights(const TapeStep& step, std::vector<bool>& changing) const;
  dnnl_memory_t memory_of(int id);
  void execute(std::size_t i, const StepContext& context);

  Tape tape_;  // keeps primitives and host functions alive
  dnnl::stream stream_;
  WeightStore* store_;
  AlignedBuffer persistent_;
  std::vector<void*> pointers_;                     // by value
  std::vector<dnnl::memory> memories_;              // by value; made for those that primitives use
  std::vector<std::vector<dnnl_exec_arg_t>> args_;  // by step
  std::vector<CarriedState> states_;
  std::vector<std::vector<int>> inputs_;                     // by input: the value and its views
  std::vector<std::size_t> prepare_, prepare_frozen_, run_;  // steps by when they run
  std::uint64_t prepared_version_ = 0, prepared_frozen_version_ = 0;
};

}  // namespace dl
