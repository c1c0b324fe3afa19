#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace dl {

/// A layer's weights: places in graph_weights().
struct LayerWeights {
  int node;
  std::vector<std::size_t> weights;
};
std::vector<LayerWeights> layers_with_weights(const std::vector<NodeWeight>& weights);

/// The layers with weights from which the output and the losses come, at once or through others
/// without. Nodes; `has_weights` says it of each.
std::set<int> output_layers(const Graph& graph, const std::vector<bool>& has_weights);

/// Their names: those that another task needs anew.
std::vector<std::string> head_layers(const Graph& graph);

/// What the data bring to a node, at once or through layers without weights: "data.tokens".
std::set<std::string> data_read_by(const Graph& graph, int node,
                                   const std::vector<bool>& has_weights);

}  // namespace dl
