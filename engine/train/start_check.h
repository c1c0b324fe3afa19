#pragma once

#include <optional>
#include <string>

#include "engine/train/setup.h"
#include "engine/train/transfer.h"

namespace dl {

/// Throws UserError (ExitCode::config) where the config lacks what training needs: data or a loss.
void require_trainable(const Setup& setup);

/// Where a training's first weights come from, and which they are.
struct FirstWeights {
  WeightSource source;
  Transfer transfer;
};
/// What setup.config.finetune says, with what it freezes frozen; none where it says nothing.
std::optional<FirstWeights> plan_finetune(Setup& setup);

/// Does all that training does before it writes anything, so that a config that passes starts, and
/// throws what training would throw. What is not there yet (data, weights of a run to come) is not
/// looked at; setup.notes then says so.
void check_start(Setup& setup);

/// Throws what is wrong in the config of that, for `bench`, which needs no data. They are opened
/// only where they are there and a trained layer depends on how many samples the last batch has.
void check_measured(const Setup& setup);

}  // namespace dl
