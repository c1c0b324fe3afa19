#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/plan/weight_store.h"
#include "engine/train/checkpoint_search.h"
#include "engine/train/setup.h"

namespace dl {

/// Which weights a command takes.
struct WeightChoice : CheckpointChoice {
  std::string file;  // --weights FILE; a config alone needs one
};

/// The setup of a run's folder, or of a config whose weights are in a file: options.config is
/// either. Throws UserError when there is neither, or when a run's config has changed. `notes` gets
/// sentences on what cannot be told of it.
Setup load_trained(const SetupOptions& options, const WeightChoice& choice,
                   std::vector<std::string>& notes);

/// Puts the chosen weights of a run or file into the store; says which they are. `notes` gets
/// sentences on what was passed over.
std::string load_chosen_weights(const std::string& target, const WeightChoice& choice,
                                WeightStore& store, std::vector<std::string>& notes);

}  // namespace dl
