#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/plan/weight_store.h"

namespace dl {

/// What the fixed part of a graph (see FrozenNodes) hands to the rest, in the order in which it is
/// computed. Empty where no frozen weight is in that part: there is nothing to be saved.
std::vector<Port> feature_ports(const Graph& graph, const WeightStore& store);

/// A graph without its fixed part.
struct FeatureCut {
  std::vector<Port> ports;          // what is cached of each sample, in the whole graph
  std::vector<std::size_t> inputs;  // of the whole graph's inputs, those that the rest reads too
  Graph rest;                       // its inputs are the ports, then those
};
/// None where there is nothing to be saved, or where a result has no batch axis.
std::optional<FeatureCut> cut_at_features(const Graph& graph, const WeightStore& store);

/// The weights and statistics of the fixed part.
std::vector<NodeWeight> fixed_weights(const Graph& graph, const WeightStore& store);

}  // namespace dl
