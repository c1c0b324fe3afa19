#pragma once

#include "engine/graph/graph.h"

namespace dl {

/// The same network with activations carried by the layers that they follow, where those can (batch
/// norm and relu become one pass over memory). Numbers of nodes do not change: an activation that
/// was fused stays where it is and is read by nobody.
Graph fuse_activations(const Graph& graph, bool training);

}  // namespace dl
