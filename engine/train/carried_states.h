#pragma once

#include <span>
#include <vector>

#include "engine/plan/program.h"
#include "engine/train/checkpoint_search.h"
#include "engine/train/setup.h"

namespace dl {

/// Throws UserError (ExitCode::config) where layers carry states and the batches are not all of one
/// size. That they follow one another is known sooner; see sequence_rules.h.
void check_carried_states(const Setup& setup, const Programs& programs);

/// For a checkpoint, and back from it; throws UserError (ExitCode::weights) when they are not
/// there.
std::vector<TensorView> carried_tensors(std::span<const CarriedState> states);
void load_carried(std::span<const CarriedState> states, const LoadedCheckpoint& checkpoint);

}  // namespace dl
