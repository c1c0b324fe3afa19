#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/plan/probe.h"
#include "engine/plan/weight_store.h"
#include "layers/tape.h"

namespace dl {

/// A graph written down as steps, and where its results will be.
struct Recording {
  Tape tape;
  struct Loss {
    std::size_t index;  // in Graph::losses
    Value mean, count;  // scalars
    /// Of the loss without smoothing and weights, where it has those.
    std::optional<Value> plain_mean = {}, plain_count = {};
    /// The gradient of the total loss with respect to its mean, its weight: a scalar that is read
    /// in each run. None: nothing that is trained depends on it.
    std::optional<Value> seed = {};
    float weight = 1;
  };
  std::vector<Loss> losses;
  std::optional<Value> output;         // the predictions, row-major
  std::vector<Value> features;         // Graph::features, row-major; where the purpose is those
  std::vector<int> input_nodes;        // graph nodes behind the tape's inputs, in the tape's order
  std::vector<Probe> probes;           // in the order of their nodes
  std::vector<TimeProbe> time_probes;  // likewise
};

enum class Purpose {
  train,              // forward and backward of every loss
  evaluate,           // forward, with the losses that are not train_only
  predict,            // forward, no losses
  generate,           // as predict, and every recurrent layer carries its state from run to run
  train_features,     // forward of the fixed part alone, as training computes it
  evaluate_features,  // likewise as evaluation does
};

constexpr bool is_features(Purpose purpose) {
  return purpose == Purpose::train_features || purpose == Purpose::evaluate_features;
}

/// Records what `purpose` needs of the graph, for batches of `batch` samples. Frozen parts get no
/// backward. With `probes` activations can be looked at while they run; nothing else changes.
Recording record(const Graph& graph, const WeightStore& store, const dnnl::engine& engine,
                 Purpose purpose, std::int64_t batch, bool probes = false);

}  // namespace dl
