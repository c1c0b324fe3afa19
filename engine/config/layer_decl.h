#pragma once

#include <string>
#include <vector>

#include "core/config_node.h"

namespace dl {

/// A layer as the expanded config declares it: nothing is left of blocks, repeats, ifs or
/// expressions.
struct LayerDecl {
  /// Where a layer takes its source from: the full name of a layer, "input" for the model's single
  /// input, or "data.<field>" for a named one.
  struct Source {
    std::string name;  // empty: not said, and it goes without saying
    Mark mark;         // of the word in `from`, or of the layer when `from` is not written
  };

  std::string name;  // full and dotted: "layer1.0.conv1"; weights are named after it
  std::string type;
  Mark mark;                 // of the type
  std::vector<Source> from;  // never empty; each one is above this layer
  ConfigNode params;         // a map, without `name` and `from`
};

}  // namespace dl
