#pragma once

#include <vector>

#include "engine/graph/graph.h"
#include "engine/plan/weight_store.h"

namespace dl {

/// What frozen weights make of a graph's nodes.
struct FrozenNodes {
  /// Behaves as in evaluation: all its weights and statistics are frozen or, where it has none,
  /// those of all layers with weights that read it, at once or through others without.
  std::vector<bool> still;
  /// It is still, or has neither weights nor chance, and nothing that it reads depends on a weight
  /// that is trained: no gradient passes through.
  std::vector<bool> closed;
  /// It is closed, and so is all that it is computed from: the same data give the same result
  /// throughout.
  std::vector<bool> fixed;
  /// It is closed, or its statistics are frozen: in training it does not look at the batch.
  std::vector<bool> keeps_statistics;
};
FrozenNodes frozen_nodes(const Graph& graph, const WeightStore& store);

/// A layer that cannot be trained on so few samples at once.
struct SmallBatch {
  int node;
  ShapeError error;
};
/// All of them where batches have `batch` samples, as if nothing were frozen.
std::vector<SmallBatch> layers_refusing(const Graph& graph, std::int64_t batch);

}  // namespace dl
