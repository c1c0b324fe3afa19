#pragma once

#include <string>
#include <vector>

#include "engine/config/expand.h"
#include "engine/config/run_config.h"

namespace dl {

/// One entry of `loss`, its expressions replaced; `before` are those above it, `reserved` what it
/// may not be called. Throws UserError.
LossDecl read_loss(const ConfigNode& node, const std::vector<LossDecl>& before,
                   const std::vector<std::string>& reserved, Expansion& expansion);

}  // namespace dl
