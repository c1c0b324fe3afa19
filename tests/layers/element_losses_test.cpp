#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "layers/layer.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

const std::vector<std::string> kLosses = {"bce_with_logits", "l1", "mse", "smooth_l1"};

test::LayerCase loss(const std::string& name, const Shape& prediction, std::vector<float> values,
                     const Shape& target, std::vector<float> targets,
                     const nlohmann::json& params = nlohmann::json::object()) {
  return {.layer = name,
          .params = test::node_from_json(params),
          .sources = {{prediction, std::move(values), {}}, {target, std::move(targets), {}}}};
}

}  // namespace

TEST_CASE("bce_with_logits agrees with PyTorch") { test::check_layer_goldens("bce_with_logits"); }
TEST_CASE("l1 agrees with PyTorch") { test::check_layer_goldens("l1"); }
TEST_CASE("mse agrees with PyTorch") { test::check_layer_goldens("mse"); }
TEST_CASE("smooth_l1 agrees with PyTorch") { test::check_layer_goldens("smooth_l1"); }

TEST_CASE("losses of single numbers leave out what a mask of zeros covers") {
  for (const std::string& name : kLosses) {
    CAPTURE(name);
    test::LayerCase masked = loss(name, {2, 2}, {std::nanf(""), 1, 2, 3}, {2, 2}, {0, 0, 1, 1});
    masked.sources.push_back({{2}, {0, 1}, {}});
    const test::LayerResult result = test::run_layer(masked);
    const test::LayerResult alone = test::run_layer(loss(name, {1, 2}, {2, 3}, {1, 2}, {1, 1}));
    CHECK(result.dst[0] == alone.dst[0]);
    CHECK(result.dst[1][0] == 2);
    CHECK(result.diff_src[0][0] == 0);
    CHECK(result.diff_src[0][2] == alone.diff_src[0][0]);
    masked.sources[2].values = {0, 0};
    CHECK(test::run_layer(masked).dst[0][0] == 0);
  }
}

TEST_CASE("losses of single numbers refuse a target of another shape") {
  for (const std::string& name : kLosses) {
    CHECK_THROWS_WITH_AS(
        test::run_layer(loss(name, {2, 3}, std::vector<float>(6), {2, 2}, std::vector<float>(4))),
        "prediction and target differ: source 1 is 3, source 2 is 2", SourcesDiffer);
  }
}

TEST_CASE("losses of single numbers pass NaN on, so that a run that diverged is seen") {
  for (const std::string& name : kLosses) {
    CAPTURE(name);
    const auto diverged = loss(name, {1, 2}, {std::nanf(""), 1}, {1, 2}, {0, 0});
    CHECK(std::isnan(test::run_layer(diverged).dst[0][0]));
  }
}

TEST_CASE("bce_with_logits refuses a target that is no probability, unless a mask covers it") {
  for (const float wrong : {-0.5F, 1.5F, 3.0F}) {
    auto outside = loss("bce_with_logits", {2, 2}, {0, 1, 2, 3}, {2, 2}, {0, wrong, 1, 1});
    CHECK_THROWS_AS(test::run_layer(outside), UserError);
    outside.sources.push_back({{2}, {0, 1}, {}});
    CHECK(std::isfinite(test::run_layer(outside).dst[0][0]));
  }
}

TEST_CASE("l1 and smooth_l1 have gradient zero where prediction and target are equal") {
  CHECK(test::run_layer(loss("l1", {1, 1}, {2}, {1, 1}, {2})).diff_src[0][0] == 0);
  CHECK(
      test::run_layer(loss("smooth_l1", {1, 1}, {2}, {1, 1}, {2}, {{"beta", 0}})).diff_src[0][0] ==
      0);
}

TEST_CASE("bce_with_logits is exact for scores that overflow an exponential") {
  const auto far =
      loss("bce_with_logits", {1, 4}, {1000, -1000, 1000, -1000}, {1, 4}, {1, 0, 0, 1});
  const test::LayerResult result = test::run_layer(far);
  CHECK(result.dst[0][0] == doctest::Approx(500));
  const std::vector<double> gradient = {0, 0, 0.25, -0.25};
  for (std::size_t i = 0; i < gradient.size(); ++i)
    CHECK(std::abs(result.diff_src[0][i] - gradient[i]) < 1e-30);
}

TEST_CASE("bce_with_logits takes one weight for all outputs or one for each") {
  const auto weighted = [](const nlohmann::json& weight) {
    return test::run_layer(
               loss("bce_with_logits", {1, 2}, {1, 2}, {1, 2}, {1, 1}, {{"pos_weight", weight}}))
        .dst[0];
  };
  CHECK(weighted(3) == weighted({3, 3}));
  CHECK_THROWS_WITH_AS(weighted({1, 2, 3}), "pos_weight has 3 numbers for 2 outputs", ShapeError);
}

}  // namespace dl
