#include "tests/support/layer_golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "layers/layer.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"
#include "tests/support/layer_run.h"

namespace dl::test {
namespace {

using nlohmann::json;

constexpr double kOutputBound = 1e-5;
constexpr double kGradientBound = 1e-4;
constexpr double kNumericStep = 1e-2;
constexpr double kNumericBound = 2e-2;
constexpr int kNumericPositions = 12;

std::vector<float> values_of(const json& spec, std::uint32_t salt) {
  const Shape shape(spec["shape"].get<std::vector<std::int64_t>>());
  std::vector<float> values = formula_tensor(salt, shape.elements(), spec["scale"].get<float>());
  for (float& value : values) value += spec["shift"].get<float>();
  return values;
}

LayerCase case_of(const json& golden) {
  LayerCase layer_case;
  layer_case.layer = golden["layer"];
  layer_case.params = node_from_json(golden["params"]);
  layer_case.training = golden["training"];
  layer_case.frozen = golden.value("frozen", std::vector<std::string>());
  std::uint32_t salt = 1;
  for (const json& source : golden["sources"]) {
    LayerCase::Tensor tensor{Shape(source["shape"].get<std::vector<std::int64_t>>()), {}, {}};
    if (source["below"].is_null()) {
      tensor.values = values_of(source, salt);
    } else {
      for (std::int64_t i = 0; i < tensor.shape.elements(); ++i) {
        const float unit = (formula(salt, static_cast<std::uint32_t>(i)) + 1) / 2;
        tensor.integers.push_back(static_cast<std::int32_t>(unit * source["below"].get<float>()) +
                                  source.value("first", 0));
      }
    }
    layer_case.sources.push_back(std::move(tensor));
    ++salt;
  }
  for (const char* group : {"weights", "statistics"}) {
    for (const auto& [name, spec] : golden[group].items())
      layer_case.weights[name] = values_of(spec, spec["salt"]);
  }
  for (std::size_t k = 0; k < golden["dst"].size(); ++k) {
    const Shape shape(golden["dst"][k]["shape"].get<std::vector<std::int64_t>>());
    layer_case.diff_dst.push_back(
        formula_tensor(static_cast<std::uint32_t>(200 + k), shape.elements()));
  }
  return layer_case;
}

void compare_all(const json& golden, const LayerResult& result) {
  for (std::size_t k = 0; k < golden["dst"].size(); ++k) {
    check_samples("dst " + std::to_string(k), result.dst[k], golden["dst"][k], kOutputBound);
  }
  for (const auto& [name, spec] : golden["statistics"].items()) {
    check_samples(name, result.weights_after.at(name), spec["after"], kOutputBound);
  }
  if (!golden["training"].get<bool>()) return;
  for (std::size_t i = 0; i < golden["diff_src"].size(); ++i) {
    if (golden["diff_src"][i].is_null()) continue;
    check_samples("diff_src " + std::to_string(i), result.diff_src[i], golden["diff_src"][i],
                  kGradientBound);
  }
  for (const auto& [name, spec] : golden["weights"].items()) {
    if (!spec["diff"].is_null())
      check_samples("gradient of " + name, result.diff_weights.at(name), spec["diff"],
                    kGradientBound);
  }
}

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The same gradients where the others are not wanted, and none of what is frozen.
void check_frozen(const json& golden, LayerCase layer_case) {
  std::vector<std::string> weights, sources;
  for (const auto& [name, spec] : golden["weights"].items()) weights.push_back(name);
  for (std::size_t i = 0; i < layer_case.sources.size(); ++i)
    sources.push_back("src" + std::to_string(i));
  const auto is_zero = [](float value) { return value == 0; };
  if (weights.empty()) return;
  const std::vector<std::string> always = layer_case.frozen;
  layer_case.frozen = joined(weights, always);
  const LayerResult without_weights = run_layer(layer_case);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (golden["diff_src"][i].is_null()) continue;
    check_samples("diff_src " + std::to_string(i) + " beside frozen weights",
                  without_weights.diff_src[i], golden["diff_src"][i], kGradientBound);
  }
  for (const std::string& name : weights)
    CHECK(std::ranges::all_of(without_weights.diff_weights.at(name), is_zero));
  layer_case.frozen = joined(sources, always);
  const LayerResult without_sources = run_layer(layer_case);
  for (const std::string& name : weights) {
    const json& spec = golden["weights"][name]["diff"];
    if (spec.is_null()) continue;
    check_samples("gradient of " + name + " without a source's",
                  without_sources.diff_weights.at(name), spec, kGradientBound);
  }
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, scale = 1e-30;
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  return difference / scale;
}

/// A relu that the layer carries gives what one behind it would: its result cut at zero, and the
/// gradients of a diff_dst that is zero there.
void check_carried_relu(LayerCase layer_case) {
  const LayerKind& kind = kind_named(layer_case.layer);
  const Activation relu;
  if (!kind.carries || !kind.carries(relu, layer_case.training)) return;
  LayerResult apart = run_layer(layer_case);
  layer_case.post = relu;
  const LayerResult carried = run_layer(layer_case);
  layer_case.post = {};
  for (std::size_t i = 0; i < apart.dst[0].size(); ++i) {
    if (apart.dst[0][i] > 0) continue;
    apart.dst[0][i] = 0;
    layer_case.diff_dst[0][i] = 0;
  }
  CHECK(largest_difference(carried.dst[0], apart.dst[0]) <= kOutputBound);
  if (!layer_case.training) return;
  apart = run_layer(layer_case);
  for (std::size_t i = 0; i < apart.diff_src.size(); ++i)
    CHECK(largest_difference(carried.diff_src[i], apart.diff_src[i]) <= kGradientBound);
  for (const auto& [name, diff] : apart.diff_weights)
    CHECK(largest_difference(carried.diff_weights.at(name), diff) <= kGradientBound);
}

/// Central differences at a few spread positions; the tensor is changed and put back.
void check_numerically(LayerCase& layer_case, const std::string& what, std::vector<float>& values,
                       const std::vector<float>& gradient, double kink) {
  double largest = 1;
  for (const float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
  const std::size_t stride = std::max<std::size_t>(1, values.size() / kNumericPositions);
  for (std::size_t i = 0; i < values.size(); i += stride) {
    const float kept = values[i];
    if (kink > 0 && std::abs(kept) < kink) continue;
    values[i] = kept + static_cast<float>(kNumericStep);
    const double above = run_layer(layer_case).loss;
    values[i] = kept - static_cast<float>(kNumericStep);
    const double below = run_layer(layer_case).loss;
    values[i] = kept;
    const double numeric = (above - below) / (2 * kNumericStep);
    CHECK_MESSAGE(std::abs(numeric - gradient[i]) <= kNumericBound * largest, what, "[", i,
                  "]: gradient ", gradient[i], ", numerically ", numeric);
  }
}

}  // namespace

void check_layer_goldens(const std::string& file) {
  for (const json& golden : read_golden("layers/" + file)) {
    LayerCase layer_case = case_of(golden);
    const std::string name = golden["name"];
    using Layout = LayerCase::Layout;
    for (const Layout layout : {Layout::plain, Layout::blocked, Layout::channels_last}) {
      CAPTURE(name);
      CAPTURE(static_cast<int>(layout));
      layer_case.layout = layout;
      compare_all(golden, run_layer(layer_case));
      check_carried_relu(layer_case);
    }
    if (!golden["training"].get<bool>()) continue;
    CAPTURE(name);
    check_frozen(golden, layer_case);
    if (golden["kink"].get<double>() < 0) continue;
    const LayerResult result = run_layer(layer_case);
    for (std::size_t i = 0; i < layer_case.sources.size(); ++i) {
      if (golden["diff_src"][i].is_null()) continue;
      check_numerically(layer_case, "source " + std::to_string(i), layer_case.sources[i].values,
                        result.diff_src[i], golden["kink"]);
    }
    for (const auto& [weight, spec] : golden["weights"].items()) {
      if (spec["diff"].is_null()) continue;
      check_numerically(layer_case, weight, layer_case.weights[weight],
                        result.diff_weights.at(weight), 0);
    }
  }
}

}  // namespace dl::test
