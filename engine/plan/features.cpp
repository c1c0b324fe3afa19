#include "engine/plan/features.h"

#include <algorithm>

#include "engine/plan/frozen.h"

namespace dl {
namespace {

std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<int> roots = graph.losses;
  roots.push_back(graph.output.node);
  return needed_for(graph, roots);
}

/// What the rest reads of nodes that `is_source` holds for, each once, in the order of the nodes.
template <class IsSource>
std::vector<Port> ports_into_rest(const Graph& graph, const std::vector<bool>& fixed,
                                  const IsSource& is_source) {
  const std::vector<bool> needed = needed_nodes(graph);
  std::vector<Port> ports;
  const auto add = [&](const Port& port) {
    if (port.node >= 0 && is_source(port.node) && !std::ranges::count(ports, port))
      ports.push_back(port);
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!needed[i] || fixed[i]) continue;
    for (const Port& port : graph.nodes[i].src) add(port);
  }
  add(graph.output);
  std::ranges::sort(ports, {}, [](const Port& port) { return std::pair(port.node, port.output); });
  return ports;
}

/// Puts the nodes of the rest behind inputs, and has them read those.
class RestBuilder {
 public:
  RestBuilder(const Graph& graph, FeatureCut& cut) : graph_(graph), cut_(cut) {}

  void add_feature(const Port& port, const Shape& shape) {
    const Node& node = graph_.nodes[port.node];
    const std::vector<std::int64_t>& dims = shape.dims();
    Node input;
    input.name = node.name;
    input.mark = node.mark;
    input.input = GraphInput{{dims.begin() + 1, dims.end()}, false};
    moved_.push_back({port, {static_cast<int>(cut_.rest.nodes.size()), 0}});
    cut_.rest.nodes.push_back(std::move(input));
  }
  void add_node(int i) {
    Node node = graph_.nodes[i];
    for (Port& port : node.src) port = at(port);
    const int place = static_cast<int>(cut_.rest.nodes.size());
    cut_.rest.nodes.push_back(std::move(node));
    // Of a layer with several results any may be read.
    moved_.push_back({{i, -1}, {place, 0}});
  }
  Port at(const Port& port) const {
    for (const auto& [from, to] : moved_) {
      if (from == port) return to;
      if (from.node == port.node && from.output < 0) return {to.node, port.output};
    }
    return {};
  }

 private:
  const Graph& graph_;
  FeatureCut& cut_;
  std::vector<std::pair<Port, Port>> moved_;
};

}  // namespace

std::vector<NodeWeight> fixed_weights(const Graph& graph, const WeightStore& store) {
  const std::vector<bool> fixed = frozen_nodes(graph, store).fixed;
  std::vector<NodeWeight> weights = graph_weights(graph);
  std::erase_if(weights, [&](const NodeWeight& weight) { return !fixed[weight.node]; });
  return weights;
}

std::vector<Port> feature_ports(const Graph& graph, const WeightStore& store) {
  if (fixed_weights(graph, store).empty()) return {};
  const std::vector<bool> fixed = frozen_nodes(graph, store).fixed;
  return ports_into_rest(graph, fixed, [&](int node) { return fixed[node]; });
}

std::optional<FeatureCut> cut_at_features(const Graph& graph, const WeightStore& store) {
  FeatureCut cut{.ports = feature_ports(graph, store), .inputs = {}, .rest = {}};
  if (cut.ports.empty()) return std::nullopt;
  constexpr std::int64_t kBatch = 2;
  const auto shapes = infer_shapes(graph, kBatch);
  RestBuilder builder(graph, cut);
  for (const Port& port : cut.ports) {
    const Shape& shape = shapes[port.node][port.output];
    if (shape.rank() < 2 || shape.dims()[0] != kBatch) return std::nullopt;
    builder.add_feature(port, shape);
  }
  const std::vector<bool> fixed = frozen_nodes(graph, store).fixed;
  const std::vector<Port> read =
      ports_into_rest(graph, fixed, [&](int node) { return graph.nodes[node].input.has_value(); });
  std::size_t ordinal = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!graph.nodes[i].input) continue;
    if (std::ranges::count(read, Port{static_cast<int>(i), 0})) {
      cut.inputs.push_back(ordinal);
      builder.add_node(static_cast<int>(i));
    }
    ++ordinal;
  }
  const std::vector<bool> needed = needed_nodes(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (needed[i] && !fixed[i] && !graph.nodes[i].input) builder.add_node(static_cast<int>(i));
  }
  for (const int loss : graph.losses) cut.rest.losses.push_back(builder.at({loss, 0}).node);
  cut.rest.output = builder.at(graph.output);
  if (graph.target.node >= 0) cut.rest.target = builder.at(graph.target);
  return cut;
}

}  // namespace dl
