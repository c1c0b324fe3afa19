#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/shape.h"
#include "core/source.h"
#include "layers/layer.h"

namespace dl {

/// One result of a node.
struct Port {
  int node = -1;
  int output = 0;
  bool operator==(const Port&) const = default;
};

/// A tensor that the data brings: the nodes before all others.
struct GraphInput {
  std::vector<std::int64_t> sample_shape;  // one sample: {3, 32, 32}; {} for an integer label
  bool integer = false;                    // s32 instead of f32
  /// Not 0: labels that are probabilities of so many classes in training, where batches are mixed.
  std::int64_t soft_classes = 0;
};

/// A layer, a loss or an input in its place.
struct Node {
  std::string name;
  Mark mark;                        // of the layer's type in the config
  std::optional<GraphInput> input;  // set for inputs, which have no layer
  const LayerKind* kind = nullptr;
  std::shared_ptr<const Layer> layer;  // shared by the fused graphs for training and evaluation
  std::vector<Port> src;
  std::optional<Activation> post;  // an activation fused into this node
  int post_node = -1;              // the node that `post` was
  int norm_node = -1;              // a batch norm folded into this node, before `post`
  float loss_weight = 1;           // of a loss
  bool train_only = false;         // of a loss: evaluation leaves it out
};

/// The network: nodes in an order in which each stands after its sources. Immutable once built.
struct Graph {
  std::vector<Node> nodes;
  std::vector<int> losses;  // indices of loss nodes, in the config's order
  Port output;              // the predictions
  Port target;              // what the first loss compares them with; node -1 without a loss
  /// What a part that never changes hands to the rest, where there is such a part (see
  /// engine/plan/features.h): read in row-major order, so that the rest does not depend on how it
  /// was computed.
  std::vector<Port> features = {};

  int find(std::string_view name) const;  // -1: no such node
  /// Where a node is among the inputs; none: it is another.
  std::optional<std::size_t> input_slot(int node) const;
};

/// Shapes of every node's results for a batch of that size. The graph has been checked: does not
/// throw.
std::vector<std::vector<Shape>> infer_shapes(const Graph& graph, std::int64_t batch);

/// The network as training sees it: with class probabilities where labels are soft.
Graph training_graph(const Graph& graph);

/// A weight of the network under its full name ("layer1.0.conv1.weight").
struct NodeWeight {
  int node;
  std::string name;
  WeightSpec spec;
};
/// All weights, in checkpoint order.
std::vector<NodeWeight> graph_weights(const Graph& graph);

/// Which nodes are needed to compute `roots`.
std::vector<bool> needed_for(const Graph& graph, std::vector<int> roots);

}  // namespace dl
