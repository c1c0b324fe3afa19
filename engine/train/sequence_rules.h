#pragma once

#include "engine/train/setup.h"

namespace dl {

/// What layers that read sequences ask of the order of the samples. Adds to `problems` what does
/// not hold.
void check_sequence_rules(const Setup& setup, Problems& problems);

/// What is no mistake for certain, but may be one.
std::vector<std::string> sequence_notes(const Setup& setup);

}  // namespace dl
