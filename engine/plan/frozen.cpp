#include "engine/plan/frozen.h"

#include <algorithm>

namespace dl {
namespace {

/// The weights of one node, or those that lie behind it.
struct Weights {
  bool any = false, all_frozen = true, trained = false;

  void add(const Weights& other) {
    any |= other.any;
    all_frozen &= other.all_frozen;
    trained |= other.trained;
  }
  bool still() const { return any && all_frozen; }
};

}  // namespace

FrozenNodes frozen_nodes(const Graph& graph, const WeightStore& store) {
  const std::size_t count = graph.nodes.size();
  std::vector<Weights> own(count), behind(count);
  std::vector<bool> frozen_statistics(count);
  for (const NodeWeight& weight : graph_weights(graph)) {
    const StoredWeight& stored = *store.find(weight.name);
    own[weight.node].add({true, stored.frozen, stored.trainable()});
    if (stored.statistic && stored.frozen) frozen_statistics[weight.node] = true;
  }
  for (std::size_t i = count; i-- > 0;) {
    for (const Port& port : graph.nodes[i].src)
      behind[port.node].add(own[i].any ? own[i] : behind[i]);
  }
  FrozenNodes frozen{std::vector<bool>(count), std::vector<bool>(count), std::vector<bool>(count),
                     std::vector<bool>(count)};
  std::vector<bool> needs_grad(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    if (node.input) continue;
    frozen.still[i] = (own[i].any ? own[i] : behind[i]).still();
    const bool reads_trained =
        std::ranges::any_of(node.src, [&](const Port& port) { return needs_grad[port.node]; });
    needs_grad[i] = reads_trained || own[i].trained;
    const bool constant = !own[i].any && !node.kind->random && !node.kind->loss;
    frozen.closed[i] = (frozen.still[i] || constant) && !reads_trained;
    frozen.keeps_statistics[i] = frozen.closed[i] || frozen_statistics[i];
    frozen.fixed[i] = frozen.closed[i] && std::ranges::all_of(node.src, [&](const Port& port) {
                        return graph.nodes[port.node].input || frozen.fixed[port.node];
                      });
  }
  return frozen;
}

std::vector<SmallBatch> layers_refusing(const Graph& graph, std::int64_t batch) {
  const auto shapes = infer_shapes(graph, batch);
  std::vector<SmallBatch> found;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.input) continue;
    std::vector<Shape> src;
    for (const Port& port : node.src) src.push_back(shapes[port.node][port.output]);
    try {
      node.layer->check_training(src);
    } catch (const ShapeError& error) {
      found.push_back({static_cast<int>(i), error});
    }
  }
  return found;
}

}  // namespace dl
