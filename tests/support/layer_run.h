#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_node.h"
#include "core/shape.h"
#include "layers/tape.h"

namespace dl {
struct LayerKind;
}

namespace dl::test {

/// The kind of layer that users call `name`.
const LayerKind& kind_named(std::string_view name);

/// A layer with its sources and weights, for tests: the layer between test sources, whose values
/// count as weights so that they have gradients, and a loss that is the sum of every result times
/// given numbers.
struct LayerCase {
  struct Tensor {
    Shape shape;
    std::vector<float> values;
    std::vector<std::int32_t> integers;  // instead of values: an integer source without gradient
  };
  std::string layer;
  ConfigNode params;
  std::vector<Tensor> sources;
  /// By the layer's name for them; statistics too.
  std::map<std::string, std::vector<float>> weights = {};
  std::vector<std::vector<float>> diff_dst = {};  // by result; shorter: ones
  /// Of the layer's weights; "src0" freezes a source, which then needs no gradient.
  std::vector<std::string> frozen = {};
  std::optional<Activation> post = {};  // carried by the layer
  bool training = true;
  enum class Layout { plain, blocked, channels_last };
  Layout layout = Layout::plain;  // of sources; blocked: as this machine's primitives have it
  std::uint64_t seed = 1;
};

struct LayerResult {
  std::vector<std::vector<float>> dst;  // row-major
  std::vector<Shape> shapes;
  double loss = 0;
  std::vector<std::vector<float>> diff_src;  // empty for integer sources
  std::map<std::string, std::vector<float>> diff_weights, weights_after;
};

/// Runs a step. Throws what the layer throws (UserError, ShapeError).
LayerResult run_layer(const LayerCase& layer_case);

/// Several steps in the same plan with changing context (for dropout and the like).
std::vector<LayerResult> run_layer_steps(const LayerCase& layer_case, int steps);

/// Config parameters from JSON, without positions.
ConfigNode node_from_json(const nlohmann::json& json);

}  // namespace dl::test
