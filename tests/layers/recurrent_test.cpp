#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/formula.h"
#include "tests/support/layer_run.h"

// What lstm, gru and rnn have in common, beside PyTorch's values
// (tests/goldens/layers_recurrent.py).

namespace dl {
namespace {

using nlohmann::json;
using test::LayerCase;
using test::LayerResult;

constexpr const char* kLayers[] = {"lstm", "gru", "rnn"};

LayerCase sequence_case(const std::string& layer, const json& params, const Shape& shape) {
  LayerCase made{.layer = layer, .params = test::node_from_json(params), .sources = {}};
  made.sources.push_back({shape, test::formula_tensor(1, shape.elements()), {}});
  return made;
}

LayerCase::Tensor state(const Shape& shape, const std::vector<float>& values) {
  return {shape, values, {}};
}

}  // namespace

TEST_CASE("a padded step changes nothing, forward or backward, in either direction") {
  const std::vector<std::int32_t> lengths = {2, 5, 1};
  for (const char* layer : kLayers) {
    for (const char* output : {"sequence", "last"}) {
      CAPTURE(layer);
      CAPTURE(output);
      LayerCase layer_case = sequence_case(
          layer,
          {{"hidden_size", 4}, {"num_layers", 2}, {"bidirectional", true}, {"output", output}},
          {3, 5, 6});
      layer_case.sources.push_back({{3}, {}, lengths});
      const LayerResult zeros = test::run_layer(layer_case);
      for (const float filling : {7.0F, std::numeric_limits<float>::quiet_NaN()}) {
        for (std::size_t n = 0; n < 3; ++n) {
          for (std::size_t t = lengths[n]; t < 5; ++t)
            std::fill_n(layer_case.sources[0].values.begin() + (n * 5 + t) * 6, 6, filling);
        }
        const LayerResult filled = test::run_layer(layer_case);
        CHECK(filled.dst == zeros.dst);
        CHECK(filled.diff_src == zeros.diff_src);
        CHECK(filled.diff_weights == zeros.diff_weights);
      }
      for (std::size_t n = 0; n < 3; ++n) {
        for (std::size_t i = (n * 5 + lengths[n]) * 6; i < (n + 1) * 30; ++i)
          CHECK(zeros.diff_src[0][i] == 0);
      }
    }
  }
}

TEST_CASE("a stateful layer begins where the batch before it ended") {
  for (const char* layer : kLayers) {
    CAPTURE(layer);
    const json params = {{"hidden_size", 4}, {"num_layers", 2}};
    json stateful = params;
    stateful["stateful"] = true;
    const auto steps = test::run_layer_steps(sequence_case(layer, stateful, {3, 5, 6}), 2);
    LayerCase given = sequence_case(layer, params, {3, 5, 6});
    CHECK(test::run_layer(given).dst == steps[0].dst);
    for (std::size_t k = 1; k < steps[0].dst.size(); ++k)
      given.sources.push_back(state({3, 2, 4}, steps[0].dst[k]));
    const LayerResult second = test::run_layer(given);
    CHECK(second.dst == steps[1].dst);
    CHECK(second.diff_weights == steps[1].diff_weights);  // the gradient stops at the state
    CHECK(steps[0].dst != steps[1].dst);
  }
}

TEST_CASE("dropout stands between layers, in training, and is drawn anew in each step") {
  for (const char* layer : kLayers) {
    CAPTURE(layer);
    LayerCase dropping =
        sequence_case(layer, {{"hidden_size", 16}, {"num_layers", 2}, {"dropout", 0.5}}, {3, 5, 6});
    const auto steps = test::run_layer_steps(dropping, 2);
    CHECK(steps[0].dst[0] != steps[1].dst[0]);
    CHECK(test::run_layer(dropping).dst == steps[0].dst);
    for (const float value : steps[0].dst[0]) CHECK(value != 0);  // not behind the last layer
    // The states of the first layer are as without it.
    LayerCase without = sequence_case(layer, {{"hidden_size", 16}, {"num_layers", 2}}, {3, 5, 6});
    const LayerResult plain = test::run_layer(without);
    for (std::size_t n = 0; n < 3; ++n) {
      for (std::size_t i = 0; i < 16; ++i)
        CHECK(plain.dst[1][n * 32 + i] == steps[0].dst[1][n * 32 + i]);
    }
    dropping.training = without.training = false;
    CHECK(test::run_layer(dropping).dst == test::run_layer(without).dst);
  }
}

TEST_CASE("the gradient of dropout takes the mask of the forward pass") {
  // Through a relu without bias everything is linear: half of the weights' size, half of the
  // gradient; what was dropped has none.
  LayerCase layer_case = sequence_case("rnn",
                                       {{"hidden_size", 8},
                                        {"num_layers", 2},
                                        {"dropout", 0.5},
                                        {"nonlinearity", "relu"},
                                        {"bias", false},
                                        {"weight_init", {{"constant", {{"value", 0.1}}}}},
                                        {"recurrent_init", {{"constant", {{"value", 0.0}}}}}},
                                       {1, 1, 1});
  layer_case.sources[0].values = {1.0F};
  const LayerResult result = test::run_layer(layer_case);
  // y = 8 * 0.1 * kept * 2 * 0.1 * x, and d(sum y)/dx is the same.
  double sum = 0;
  for (const float value : result.dst[0]) sum += value;
  for (std::size_t i = 0; i < 8; ++i) sum += result.dst[1][i] + result.dst[1][8 + i];
  CHECK(result.diff_src[0][0] == doctest::Approx(sum).epsilon(1e-5));
}

TEST_CASE("the forget gate's bias can start at one") {
  const LayerCase layer_case =
      sequence_case("lstm", {{"hidden_size", 3}, {"forget_bias", 1}}, {1, 1, 2});
  const LayerResult result = test::run_layer(layer_case);
  const std::vector<float>& input = result.weights_after.at("bias_ih_l0");
  const std::vector<float>& recurrent = result.weights_after.at("bias_hh_l0");
  for (std::size_t i = 0; i < 12; ++i) {
    const bool forget = i >= 3 && i < 6;
    CHECK((input[i] == 1) == forget);
    CHECK((recurrent[i] == 0) == forget);
    if (!forget) CHECK(std::abs(input[i]) <= 1 / std::sqrt(3.0F));
  }
}

TEST_CASE("recurrent layers say what does not fit") {
  const auto refused = [](const std::string& layer, const json& params,
                          const std::vector<LayerCase::Tensor>& sources) {
    LayerCase layer_case{
        .layer = layer, .params = test::node_from_json(params), .sources = sources};
    test::run_layer(layer_case);
  };
  const LayerCase::Tensor x{{2, 3, 4}, std::vector<float>(24), {}};
  const LayerCase::Tensor lengths{{2}, {}, {1, 3}};
  const LayerCase::Tensor h{{2, 1, 5}, std::vector<float>(10), {}};
  const LayerCase::Tensor wide{{2, 1, 6}, std::vector<float>(12), {}};
  const json five = {{"hidden_size", 5}};
  const json carried = {{"hidden_size", 5}, {"stateful", true}};
  CHECK_NOTHROW(refused("lstm", five, {x, lengths, h, h}));
  CHECK_NOTHROW(refused("gru", five, {x, lengths, h}));
  CHECK_THROWS_AS(refused("lstm", five, {{{2, 3}, std::vector<float>(6), {}}}), ShapeError);
  CHECK_THROWS_AS(refused("lstm", five, {x, h}), ShapeError);    // c is missing
  CHECK_THROWS_AS(refused("gru", five, {x, h, h}), ShapeError);  // a GRU has none
  CHECK_THROWS_AS(refused("gru", five, {x, wide}), ShapeError);
  CHECK_THROWS_AS(refused("gru", carried, {x, lengths}), ShapeError);
  CHECK_THROWS_AS(refused("gru", carried, {x, h}), ShapeError);
  CHECK_THROWS_AS(
      refused("gru", {{"hidden_size", 5}, {"stateful", true}, {"bidirectional", true}}, {x}),
      UserError);
  CHECK_THROWS_AS(refused("gru", {{"hidden_size", 5}, {"merge", "sum"}}, {x}), UserError);
  CHECK_THROWS_AS(refused("gru", {{"hidden_size", 5}, {"dropout", 0.5}}, {x}), UserError);
  CHECK_THROWS_AS(refused("lstm", {{"hidden_size", 5}, {"proj_size", 5}}, {x}), UserError);
  CHECK_THROWS_AS(refused("lstm", {{"hidden_size", 5}, {"bias", false}, {"forget_bias", 1}}, {x}),
                  UserError);
}

}  // namespace dl
