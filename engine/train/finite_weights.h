#pragma once

#include <span>
#include <string>

#include "core/shape.h"
#include "engine/plan/weight_store.h"

namespace dl {

/// Weights from elsewhere are numbers: throws UserError (ExitCode::weights) that names the file or
/// run (`label`), the tensor and the first place of it that is NaN or infinite.
void expect_finite(std::span<const float> values, const Shape& shape, const std::string& label,
                   const std::string& name);

/// The same for all weights of a store, which were loaded from there.
void expect_finite(const WeightStore& store, const std::string& label);

}  // namespace dl
