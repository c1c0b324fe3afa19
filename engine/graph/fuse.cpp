#include "engine/graph/fuse.h"

namespace dl {
namespace {

std::vector<int> reader_counts(const Graph& graph) {
  std::vector<int> roots = graph.losses;
  roots.push_back(graph.output.node);
  const std::vector<bool> needed = needed_for(graph, roots);
  std::vector<int> readers(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!needed[i]) continue;
    for (const Port& port : graph.nodes[i].src) ++readers[port.node];
  }
  if (graph.output.node >= 0) ++readers[graph.output.node];
  return readers;
}

/// Lets nodes be absorbed by the node that they read, where `absorb(node, i, source)` does it.
template <class Absorb>
Graph absorb_into_sources(const Graph& graph, const Absorb& absorb) {
  Graph fused = graph;
  const std::vector<int> readers = reader_counts(graph);
  std::vector<Port> moved(graph.nodes.size());  // where an absorbed node's result is now
  for (std::size_t i = 0; i < fused.nodes.size(); ++i) moved[i] = {static_cast<int>(i), 0};

  for (std::size_t i = 0; i < fused.nodes.size(); ++i) {
    Node& node = fused.nodes[i];
    for (Port& port : node.src) {
      if (port.output == 0) port = moved[port.node];
    }
    if (!node.layer || node.src.size() != 1) continue;
    Node& source = fused.nodes[node.src[0].node];
    if (!source.layer || source.post || readers[node.src[0].node] != 1) continue;
    if (absorb(node, static_cast<int>(i), source)) moved[i] = node.src[0];
  }
  if (fused.output.node >= 0 && fused.output.output == 0) fused.output = moved[fused.output.node];
  for (Port& port : fused.features) {
    if (port.output == 0) port = moved[port.node];
  }
  return fused;
}

}  // namespace

Graph fold_norms(const Graph& graph, const std::vector<bool>& closed) {
  return absorb_into_sources(graph, [&](const Node& node, int i, Node& source) {
    if (!node.kind->norm || !source.kind->folds_norm || source.norm_node >= 0) return false;
    if (!closed[i] || !closed[node.src[0].node]) return false;
    source.norm_node = i;
    return true;
  });
}

Graph fuse_activations(const Graph& graph, bool training) {
  return absorb_into_sources(graph, [&](const Node& node, int i, Node& source) {
    if (!node.kind->activation || !source.kind->carries) return false;
    const Activation activation = node.kind->activation(*node.layer);
    if (!source.kind->carries(activation, training)) return false;
    source.post = activation;
    source.post_node = i;
    return true;
  });
}

}  // namespace dl
