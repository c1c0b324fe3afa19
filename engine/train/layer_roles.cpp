#include "engine/train/layer_roles.h"

namespace dl {

std::vector<LayerWeights> layers_with_weights(const std::vector<NodeWeight>& weights) {
  std::vector<LayerWeights> layers;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (layers.empty() || layers.back().node != weights[i].node)
      layers.push_back({weights[i].node, {}});
    layers.back().weights.push_back(i);
  }
  return layers;
}

std::set<int> output_layers(const Graph& graph, const std::vector<bool>& has_weights) {
  std::vector<int> left = {graph.output.node};
  for (const int loss : graph.losses) left.push_back(graph.nodes[loss].src[0].node);
  std::set<int> seen, heads;
  while (!left.empty()) {
    const int node = left.back();
    left.pop_back();
    if (node < 0 || !seen.insert(node).second) continue;
    if (has_weights[node]) {
      heads.insert(node);
      continue;
    }
    for (const Port& src : graph.nodes[node].src) left.push_back(src.node);
  }
  return heads;
}

std::set<std::string> data_read_by(const Graph& graph, int node,
                                   const std::vector<bool>& has_weights) {
  std::vector<int> left;
  const auto follow = [&](int to) {
    for (const Port& src : graph.nodes[to].src) left.push_back(src.node);
  };
  follow(node);
  std::set<std::string> data;
  while (!left.empty()) {
    const int at = left.back();
    left.pop_back();
    if (at < 0 || has_weights[at]) continue;
    if (graph.nodes[at].input) data.insert(graph.nodes[at].name);
    follow(at);
  }
  return data;
}

std::vector<std::string> head_layers(const Graph& graph) {
  std::vector<bool> has_weights(graph.nodes.size());
  for (const NodeWeight& weight : graph_weights(graph)) has_weights[weight.node] = true;
  std::vector<std::string> names;
  for (const int node : output_layers(graph, has_weights)) names.push_back(graph.nodes[node].name);
  return names;
}

}  // namespace dl
