#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/graph.h"

namespace dl {

/// What a layer costs for one sample, forward.
struct NodeCost {
  std::int64_t parameters = 0;  // trained values
  std::int64_t flops = 0;       // a multiplication and an addition count as two
};

/// Sums of FLOPs stay what an int holds.
std::int64_t add_flops(std::int64_t a, std::int64_t b);

/// By node. Layers with matrices (conv, linear, lstm) count 2 * weights * positions, all others one
/// operation for each element of their result.
std::vector<NodeCost> graph_costs(const Graph& graph);

}  // namespace dl
