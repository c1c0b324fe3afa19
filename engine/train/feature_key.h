#pragma once

#include <cstdint>
#include <string>

#include "engine/plan/features.h"
#include "engine/train/workspace.h"

namespace dl {

/// A digest of all that a split's rows of features depend on: what is kept, the fixed part's
/// weights, the model and the data of the config, the data's bytes, and the machine.
std::string feature_key(const Setup& setup, const FeatureCut& cut, OpenData& data,
                        const WeightStore& store, Split split, std::uint64_t views);

}  // namespace dl
