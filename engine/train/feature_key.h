#pragma once

#include <cstdint>
#include <string>

#include "engine/train/workspace.h"

namespace dl {

/// A digest of all that the features of a split are computed from: the fixed part's weights, the
/// model and the data of the config, the data's bytes, and the machine.
std::string feature_key(const Setup& setup, OpenData& data, const WeightStore& store, Split split,
                        std::uint64_t views);

}  // namespace dl
