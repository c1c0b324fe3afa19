#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/train/checkpoint.h"

namespace dl {

/// What resume may change without changing what has been computed so far: train.epochs, stop,
/// checkpoint, threads, max_steps, log_every.
bool may_change(const std::string& key);

/// A digest of a resolved config without what may change: equal digests mean the same training.
std::string config_digest(const std::string& resolved_text);

/// None when the run ended before it saved one: it then starts again. All of them damaged is an
/// error as ever.
std::optional<LoadedCheckpoint> newest_checkpoint(const std::string& run,
                                                  std::vector<std::string>& notes);

}  // namespace dl
