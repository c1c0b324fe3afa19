#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/shape.h"

namespace dl::test {

/// What a layer says of sources that do not fit, with its hint behind " | "; "accepted" if it does
/// not mind.
std::string shape_error(const std::string& layer, const nlohmann::json& params,
                        const std::vector<Shape>& src);

}  // namespace dl::test
