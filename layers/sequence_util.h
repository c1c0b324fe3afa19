#pragma once

#include <optional>

#include "layers/layer.h"

namespace dl {

// Sequences as oneDNN's recurrent primitives take them: (T, N, F), one step of all samples after
// the other. `lengths` are N integers, how many steps of each sample are real; the others, behind
// them, are padding.

/// Each sample backwards within its length; padding becomes zero. It is its own inverse, and its
/// own gradient.
Value record_reversed(Tape& tape, const Value& src, const Value& lengths,
                      const dnnl::memory::desc& dst);

/// The same steps, with zero for padding; its own gradient.
Value record_unpadded(Tape& tape, const Value& src, const Value& lengths,
                      const dnnl::memory::desc& dst);

/// Of each sample the last real step (without `lengths` the last), or the first: (N, F).
Value record_last_step(Tape& tape, const Value& src, const std::optional<Value>& lengths);
Value record_first_step(Tape& tape, const Value& src);

/// Their gradients: zero but for that step.
Value record_last_step_grad(Tape& tape, const Value& diff_dst, const std::optional<Value>& lengths,
                            const dnnl::memory::desc& src);
Value record_first_step_grad(Tape& tape, const Value& diff_dst, const dnnl::memory::desc& src);

}  // namespace dl
