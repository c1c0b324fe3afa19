#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "layers/layer.h"

namespace dl {

/// What tells recurrent layers apart: the primitive, and how PyTorch stores its weights.
struct RecurrentCell {
  dnnl::algorithm kind = dnnl::algorithm::vanilla_rnn;
  dnnl::algorithm activation = dnnl::algorithm::undef;  // of a plain RNN
  /// Gate g of oneDNN is the block gates[g] of rows in PyTorch's weights.
  std::vector<int> gates = {0};
  bool candidate_bias = false;  // lbr_gru: the candidate's recurrent bias stays apart
  bool cell_state = false;      // LSTM
  bool bias = true;
  bool peephole = false;
  std::int64_t hidden_size = 0;
  std::int64_t proj_size = 0;  // 0: h is not projected

  int gate_count() const { return static_cast<int>(gates.size()); }
  std::int64_t output_size() const { return proj_size > 0 ? proj_size : hidden_size; }
};

/// The state between two steps, h (N, H) and an LSTM's c (N, H); none: zero, or no gradient.
struct CellState {
  std::optional<Value> h, c;
};

/// What a cell's gradient brings.
struct CellGradient {
  Value src;
  CellState start;
};

/// A recorded cell: one layer in one direction.
struct CellRun {
  Value dst;      // (T, N, output_size)
  CellState end;  // after the last step that it took
  std::function<CellGradient(Tape&, const Value& diff_dst, const CellState& diff_end)> grad;
};

/// Records `src` (T, N, I) through the cell, from the first step to the last, or back from the last
/// with `right_to_left`. `suffix` ends the names of its weights: "_l0", "_l1_reverse".
CellRun record_cell(Tape& tape, const RecurrentCell& cell, const std::string& suffix,
                    const Value& src, const CellState& start, bool right_to_left);

/// Copies `from` to where `to` lies, in its layout.
void record_copy(Tape& tape, const Value& from, const Value& to);
/// Zeros for the plan's whole life.
Value record_zeros(Tape& tape, const dnnl::memory::desc& desc);

}  // namespace dl
