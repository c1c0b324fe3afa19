#pragma once

#include "engine/train/setup.h"

namespace dl {

/// What layers that read sequences ask of the order of the samples. Adds to `problems` what does
/// not hold.
void check_sequence_rules(const Setup& setup, Problems& problems);

}  // namespace dl
