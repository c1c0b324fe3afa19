#pragma once

#include "layers/recurrent_util.h"

namespace dl {

/// The layers of an lstm, gru or rnn being recorded: forward when it is made, backward when asked.
class RecurrentStack {
 public:
  RecurrentStack(Tape& tape, const RecurrentParams& params, const RecurrentCell& cell,
                 const RecurrentRoles& roles, std::span<const Value> sources);

  /// The output, the final h and, of an LSTM whose samples are equally long, the final c.
  const std::vector<Value>& results() const { return results_; }
  /// Of the sources, from those of the results.
  std::vector<std::optional<Value>> gradients(Tape& tape,
                                              std::span<const std::optional<Value>> diff_dst) const;

 private:
  /// One layer, recorded.
  struct Level {
    std::vector<CellRun> runs;   // by direction
    std::vector<Value> outputs;  // by direction, in the samples' order of time
  };

  bool concat() const { return params_.merge == MergeDirections::concat; }
  Shape state_shape(std::int64_t size) const { return {batch_, params_.places(), size}; }

  Level record_level(Tape& tape, std::int64_t layer, const Value& src,
                     std::span<const Value> sources) const;
  CellState start_of(Tape& tape, std::int64_t layer, int direction,
                     std::span<const Value> sources) const;
  void carry(Tape& tape, std::int64_t layer, const CellRun& run) const;
  Value merged(Tape& tape, const std::vector<Value>& outputs, int axis) const;
  Value final_h(Tape& tape, const Level& level, int direction) const;
  std::vector<Value> record_results(Tape& tape) const;

  std::vector<Value> output_grads(Tape& tape, const std::optional<Value>& diff) const;
  std::optional<Value> level_grad(Tape& tape, std::int64_t layer, const std::vector<Value>& diffs,
                                  std::span<const std::optional<Value>> diff_dst,
                                  std::vector<CellState>& starts) const;
  Value start_grad(Tape& tape, const std::vector<CellState>& starts,
                   std::optional<Value> CellState::*which) const;

  RecurrentParams params_;
  RecurrentCell cell_;
  RecurrentRoles roles_;
  std::int64_t batch_;
  std::size_t source_count_;
  std::size_t state_rank_ = 0;  // of a given state
  std::uint64_t dropout_key_;
  bool dropout_, stateful_;
  std::optional<Value> lengths_;
  std::vector<Level> levels_;
  std::vector<Value> results_;
};

}  // namespace dl
