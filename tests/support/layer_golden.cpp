#include "tests/support/layer_golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/formula.h"
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
  std::uint32_t salt = 1;
  for (const json& source : golden["sources"]) {
    LayerCase::Tensor tensor{Shape(source["shape"].get<std::vector<std::int64_t>>()), {}, {}};
    if (source["below"].is_null()) {
      tensor.values = values_of(source, salt);
    } else {
      for (std::int64_t i = 0; i < tensor.shape.elements(); ++i) {
        const float unit = (formula(salt, static_cast<std::uint32_t>(i)) + 1) / 2;
        tensor.integers.push_back(static_cast<std::int32_t>(unit * source["below"].get<float>()));
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

void compare(const std::string& what, const std::vector<float>& found, const json& golden,
             double bound) {
  const Shape shape(golden["shape"].get<std::vector<std::int64_t>>());
  REQUIRE_MESSAGE(static_cast<std::int64_t>(found.size()) == shape.elements(), what, ": size ",
                  found.size(), " instead of ", shape.elements());
  const std::size_t stride = golden["stride"];
  const double scale = std::max(golden["max"].get<double>(), 1e-30);
  double worst = 0;
  std::size_t worst_at = 0;
  for (std::size_t i = 0; i < golden["values"].size(); ++i) {
    const double error = std::abs(found[i * stride] - golden["values"][i].get<double>()) / scale;
    if (!(error <= worst)) {
      worst = error;
      worst_at = i;
    }
  }
  CHECK_MESSAGE(worst <= bound, what, "[", worst_at * stride, "] is ", found[worst_at * stride],
                ", PyTorch has ", golden["values"][worst_at].get<double>(), "; error ", worst,
                " of the largest value");
}

void compare_all(const json& golden, const LayerResult& result) {
  for (std::size_t k = 0; k < golden["dst"].size(); ++k) {
    compare("dst " + std::to_string(k), result.dst[k], golden["dst"][k], kOutputBound);
  }
  for (const auto& [name, spec] : golden["statistics"].items()) {
    compare(name, result.weights_after.at(name), spec["after"], kOutputBound);
  }
  if (!golden["training"].get<bool>()) return;
  for (std::size_t i = 0; i < golden["diff_src"].size(); ++i) {
    if (golden["diff_src"][i].is_null()) continue;
    compare("diff_src " + std::to_string(i), result.diff_src[i], golden["diff_src"][i],
            kGradientBound);
  }
  for (const auto& [name, spec] : golden["weights"].items()) {
    if (!spec["diff"].is_null())
      compare("gradient of " + name, result.diff_weights.at(name), spec["diff"], kGradientBound);
  }
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
  const std::string path = std::string(DLTOOL_SOURCE_DIR "/tests/goldens/layers/") + file + ".json";
  std::ifstream stream(path);
  REQUIRE_MESSAGE(stream.good(), "missing golden file ", file, ".json");
  for (const json& golden : json::parse(stream)) {
    LayerCase layer_case = case_of(golden);
    const std::string name = golden["name"];
    for (const bool blocked : {false, true}) {
      CAPTURE(name);
      CAPTURE(blocked);
      layer_case.blocked = blocked;
      compare_all(golden, run_layer(layer_case));
    }
    if (!golden["training"].get<bool>() || golden["kink"].get<double>() < 0) continue;
    CAPTURE(name);
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
