#include "engine/graph/cost.h"

#include <limits>

namespace dl {

namespace {

/// A product of sizes that are each beyond all memory stays what an int holds.
std::int64_t multiplied(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  const bool overflows = __builtin_mul_overflow(a, b, &product);
  return overflows ? std::numeric_limits<std::int64_t>::max() : product;
}

}  // namespace

std::int64_t add_flops(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  const bool overflows = __builtin_add_overflow(a, b, &sum);
  return overflows ? std::numeric_limits<std::int64_t>::max() : sum;
}

std::vector<NodeCost> graph_costs(const Graph& graph) {
  const auto shapes = infer_shapes(graph, 1);
  std::vector<NodeCost> costs(graph.nodes.size());
  std::vector<bool> has_matrix(graph.nodes.size(), false);
  for (const NodeWeight& weight : graph_weights(graph)) {
    if (weight.spec.role == WeightSpec::Role::statistic) continue;
    const Shape& shape = weight.spec.shape;
    NodeCost& cost = costs[weight.node];
    cost.parameters += shape.elements();
    if (shape.rank() < 2 || weight.spec.uses == 0) continue;
    has_matrix[weight.node] = true;
    const std::int64_t uses =
        weight.spec.uses.value_or(shapes[weight.node][0].elements() / shape[0]);
    cost.flops = add_flops(cost.flops, multiplied(2 * shape.elements(), uses));
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!has_matrix[i] && !graph.nodes[i].input) costs[i].flops = shapes[i][0].elements();
  }
  return costs;
}

}  // namespace dl
