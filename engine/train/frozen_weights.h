#pragma once

#include <string>
#include <vector>

#include "engine/config/finetune_config.h"
#include "engine/graph/graph.h"

namespace dl {

/// The weights and statistics that globs freeze. A batch norm that is frozen altogether does what
/// `norms` says. Throws UserError, its message behind `what`, for a glob that matches no weight.
std::vector<std::string> frozen_weights(const Graph& graph, const std::vector<MarkedText>& globs,
                                        FrozenNorms norms, const std::string& what);

/// Of weights that are to be frozen, those that stay so when batch norms do what `norms` says.
std::vector<std::string> without_norms(const Graph& graph, std::vector<std::string> frozen,
                                       FrozenNorms norms);

}  // namespace dl
