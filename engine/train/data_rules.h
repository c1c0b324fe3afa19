#pragma once

#include "engine/train/setup.h"

namespace dl {

/// What keys of `data` must agree on with each other and with the network, once all are read. Adds
/// to `problems` what does not.
void check_data_rules(const Setup& setup, Problems& problems);

}  // namespace dl
