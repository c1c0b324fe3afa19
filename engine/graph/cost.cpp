#include "engine/graph/cost.h"

namespace dl {

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
    cost.flops += 2 * shape.elements() *
                  weight.spec.uses.value_or(shapes[weight.node][0].elements() / shape[0]);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!has_matrix[i] && !graph.nodes[i].input) costs[i].flops = shapes[i][0].elements();
  }
  return costs;
}

}  // namespace dl
