#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "layers/layer.h"

namespace dl {

struct RecurrentCell;
struct CellRun;
struct CellState;

/// Records `src` (T, N, I) through a cell, from the first step to the last, or back from the last
/// with `right_to_left`. `suffix` ends the names of its weights: "_l0", "_l1_reverse".
using RecordCell = CellRun (*)(Tape& tape, const RecurrentCell& cell, const std::string& suffix,
                               const Value& src, const CellState& start, bool right_to_left);
/// By oneDNN's primitive of the kind.
CellRun record_cell(Tape& tape, const RecurrentCell& cell, const std::string& suffix,
                    const Value& src, const CellState& start, bool right_to_left);

/// What tells recurrent layers apart: who records them, the primitive, and how PyTorch stores its
/// weights.
struct RecurrentCell {
  RecordCell record = record_cell;
  dnnl::algorithm kind = dnnl::algorithm::vanilla_rnn;
  dnnl::algorithm activation = dnnl::algorithm::undef;  // of a plain RNN
  /// Gate g of oneDNN is the block gates[g] of rows in PyTorch's weights.
  std::vector<int> gates = {0};
  bool by_step = false;     // recorded one step after the other, not by one primitive
  bool cell_state = false;  // LSTM
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
  std::optional<Value> src;  // none where `src` needs no gradient
  CellState start;
};

/// A recorded cell: one layer in one direction.
struct CellRun {
  Value dst;      // (T, N, output_size)
  CellState end;  // after the last step that it took
  std::function<CellGradient(Tape&, const Value& diff_dst, const CellState& diff_end)> grad;
};

/// Copies `from` to where `to` lies, in its layout.
void record_copy(Tape& tape, const Value& from, const Value& to);
/// Zeros for the plan's whole life.
Value record_zeros(Tape& tape, const dnnl::memory::desc& desc);

}  // namespace dl
