#include "engine/graph/graph.h"

namespace dl {

int Graph::find(std::string_view name) const {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::optional<std::size_t> Graph::input_slot(int node) const {
  if (node < 0 || !nodes[node].input) return std::nullopt;
  std::size_t slot = 0;
  for (int i = 0; i < node; ++i) slot += nodes[i].input.has_value();
  return slot;
}

std::vector<std::vector<Shape>> infer_shapes(const Graph& graph, std::int64_t batch) {
  std::vector<std::vector<Shape>> shapes;
  shapes.reserve(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    if (node.input) {
      std::vector<std::int64_t> dims = {batch};
      dims.insert(dims.end(), node.input->sample_shape.begin(), node.input->sample_shape.end());
      shapes.push_back({Shape(std::move(dims))});
      continue;
    }
    std::vector<Shape> src;
    for (const Port& port : node.src) src.push_back(shapes[port.node][port.output]);
    shapes.push_back(node.layer->infer(src));
  }
  return shapes;
}

Graph training_graph(const Graph& graph) {
  Graph training = graph;
  for (Node& node : training.nodes) {
    if (!node.input || node.input->soft_classes == 0) continue;
    node.input->integer = false;
    node.input->sample_shape = {node.input->soft_classes};
  }
  return training;
}

std::vector<NodeWeight> graph_weights(const Graph& graph) {
  const auto shapes = infer_shapes(graph, 1);
  std::vector<NodeWeight> all;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.input) continue;
    std::vector<Shape> src;
    for (const Port& port : node.src) src.push_back(shapes[port.node][port.output]);
    for (WeightSpec& spec : node.layer->weights(src)) {
      std::string name = node.name;
      if (!name.empty()) name += '.';
      name += spec.name;
      all.push_back({static_cast<int>(i), std::move(name), std::move(spec)});
    }
  }
  return all;
}

std::vector<bool> needed_for(const Graph& graph, std::vector<int> roots) {
  std::vector<bool> needed(graph.nodes.size(), false);
  while (!roots.empty()) {
    const int node = roots.back();
    roots.pop_back();
    if (node < 0 || needed[node]) continue;
    needed[node] = true;
    for (const Port& port : graph.nodes[node].src) roots.push_back(port.node);
  }
  return needed;
}

}  // namespace dl
