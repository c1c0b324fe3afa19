#pragma once

#include <string>
#include <vector>

#include "engine/config/expand.h"
#include "engine/config/run_config.h"

namespace dl {

/// One entry of `loss`, its expressions replaced; `before` are those above it. Throws UserError.
LossDecl read_loss(const ConfigNode& node, const std::vector<LossDecl>& before,
                   Expansion& expansion);

}  // namespace dl
