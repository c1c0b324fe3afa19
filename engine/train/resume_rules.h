#pragma once

#include <string>

namespace dl {

/// What resume may change without changing what has been computed so far: train.epochs, stop,
/// checkpoint, threads, max_steps, log_every.
bool may_change(const std::string& key);

/// A digest of a resolved config without what may change: equal digests mean the same training.
std::string config_digest(const std::string& resolved_text);

}  // namespace dl
