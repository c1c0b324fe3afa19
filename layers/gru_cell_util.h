#pragma once

#include "layers/recurrent_cell_util.h"

namespace dl {

/// A RecordCell: PyTorch's GRU, whose reset gate acts behind the recurrent product (oneDNN's
/// lbr_gru), from matrix products: one for the inputs of all steps, one for each step, and one for
/// each weight's gradient over all steps (docs/adr/0012).
CellRun record_gru_cell(Tape& tape, const RecurrentCell& cell, const std::string& suffix,
                        const Value& src, const CellState& start, bool right_to_left);

}  // namespace dl
