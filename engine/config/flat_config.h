#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/config_node.h"

namespace dl {

/// A config as rows of dotted keys and values, to be compared with others. Where the type is the
/// key it is a value too: "optimizer" is "sgd", "optimizer.sgd.lr" is "0.1".
struct FlatConfig {
  struct Row {
    std::string key, value;
  };
  std::vector<Row> rows;            // all but the layers
  std::vector<std::string> layers;  // their names, in order
  std::vector<Row> layer_rows;      // "conv1" is "conv", "conv1 out_channels" is "16"
};
/// Of a resolved config and the vars that it came from (`vars.n`), which may be null.
FlatConfig flat_config(const ConfigNode& resolved, const ConfigNode& vars);

/// A key that is not the same in all configs.
struct ConfigDifference {
  std::string key;
  std::vector<std::optional<std::string>> values;  // by config; none: it has no such key
  std::size_t layers = 0;  // how many layers differ in just this way; `key` names the first
};
/// Keys in the order of the configs, those of layers last. Networks that do not have the same
/// layers are one row that says how many each has. A config that is not there is in no difference.
std::vector<ConfigDifference> config_differences(
    std::span<const std::optional<FlatConfig>> configs);

}  // namespace dl
