#pragma once

#include <string>
#include <vector>

#include "engine/train/setup.h"

namespace dl {

/// Opens the data as training does, as far as it is there, and adds to `notes` what there is to
/// tell of it. Throws what training would refuse, so that a config that passes starts: batches that
/// a layer cannot be trained on, too.
void check_data(const Setup& setup, std::vector<std::string>& notes);

}  // namespace dl
