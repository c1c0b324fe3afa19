#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/config/run_config.h"
#include "engine/graph/graph.h"

namespace dl {

/// A tensor that the data brings: an input of the network ("image") or a target ("label").
struct DataTensor {
  std::string name;
  GraphInput tensor;
};

/// What the network may read, taken from the data source or from the config alone.
struct DataInterface {
  std::vector<DataTensor> inputs, targets;
  std::optional<std::int64_t> classes;     // of the first target, where it is a label
  std::optional<std::int64_t> vocabulary;  // of the first input, where it is tokens
};

/// The network that a config describes. Adds to `problems` all that is wrong with it: unknown types
/// and parameters, sources that are missing or do not fit, layers that lead nowhere. The graph is
/// whole only if nothing was added.
Graph build_graph(const RunConfig& config, const DataInterface& data, Problems& problems);

}  // namespace dl
