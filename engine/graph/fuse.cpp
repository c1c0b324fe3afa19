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

}  // namespace

Graph fuse_activations(const Graph& graph, bool training) {
  Graph fused = graph;
  const std::vector<int> readers = reader_counts(graph);
  std::vector<Port> moved(graph.nodes.size());  // where a fused activation's result is now
  for (std::size_t i = 0; i < fused.nodes.size(); ++i) moved[i] = {static_cast<int>(i), 0};

  for (std::size_t i = 0; i < fused.nodes.size(); ++i) {
    Node& node = fused.nodes[i];
    for (Port& port : node.src) {
      if (port.output == 0) port = moved[port.node];
    }
    if (!node.layer || !node.kind->activation || node.src.size() != 1) continue;
    Node& source = fused.nodes[node.src[0].node];
    const Activation activation = node.kind->activation(*node.layer);
    const bool fits = source.layer && !source.post && source.kind->carries &&
                      source.kind->carries(activation, training);
    if (!fits || readers[node.src[0].node] != 1) continue;
    source.post = activation;
    source.post_node = static_cast<int>(i);
    moved[i] = node.src[0];
  }
  if (fused.output.node >= 0 && fused.output.output == 0) fused.output = moved[fused.output.node];
  return fused;
}

}  // namespace dl
