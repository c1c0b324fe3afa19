#pragma once

#include <vector>

#include "engine/graph/graph.h"

namespace dl {

/// The same network with batch norms folded into the layers before them, where both are `closed`
/// (by node: their weights and statistics do not change) and those can.
Graph fold_norms(const Graph& graph, const std::vector<bool>& closed);

/// The same network with activations carried by the layers that they follow, where those can (batch
/// norm and relu become one pass over memory).
/// In both, numbers of nodes do not change: what was fused stays where it is and is read by nobody.
Graph fuse_activations(const Graph& graph, bool training);

}  // namespace dl
