#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "layers/layer.h"
#include "tests/support/formula.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase labelled(const Shape& prediction, std::vector<std::int32_t> labels,
                         const nlohmann::json& params = nlohmann::json::object()) {
  std::vector<std::int64_t> target(prediction.dims().begin(), prediction.dims().end() - 1);
  return {.layer = "cross_entropy",
          .params = test::node_from_json(params),
          .sources = {{prediction, test::formula_tensor(1, prediction.elements()), {}},
                      {Shape(target), {}, std::move(labels)}}};
}

std::string shape_error(const test::LayerCase& layer_case) {
  try {
    test::run_layer(layer_case);
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("cross_entropy agrees with PyTorch") { test::check_layer_goldens("cross_entropy"); }

TEST_CASE("cross_entropy of a batch that is ignored altogether is 0, and so is its gradient") {
  const test::LayerResult result = test::run_layer(labelled({2, 3}, {-100, -100}));
  CHECK(result.dst[0][0] == 0);
  CHECK(result.dst[1][0] == 0);
  CHECK(result.diff_src[0] == std::vector<float>(6, 0.0F));
}

TEST_CASE("cross_entropy leaves out what a mask of zeros covers, whatever it holds") {
  test::LayerCase masked = labelled({3, 2}, {0, 77, 1});
  masked.sources[0].values = {1, 2, std::nanf(""), 5, 0, 3};
  masked.sources.push_back({{3}, {1, 0, 1}, {}});
  const test::LayerResult result = test::run_layer(masked);
  const double expected = (std::log1p(std::exp(1.0)) + std::log1p(std::exp(-3.0))) / 2;
  CHECK(result.dst[0][0] == doctest::Approx(expected));
  CHECK(result.dst[1][0] == 2);
  CHECK(result.diff_src[0][2] == 0);
  CHECK(result.diff_src[0][3] == 0);
}

TEST_CASE("cross_entropy passes NaN on, so that a run that diverged is seen") {
  test::LayerCase diverged = labelled({2, 20}, {0, 1});
  diverged.sources[0].values[7] = std::nanf("");
  CHECK(std::isnan(test::run_layer(diverged).dst[0][0]));
}

TEST_CASE("cross_entropy gives the same loss in training and in evaluation") {
  test::LayerCase evaluated = labelled({5, 33}, {0, 1, 2, 3, 32});
  const float trained = test::run_layer(evaluated).dst[0][0];
  evaluated.training = false;
  CHECK(test::run_layer(evaluated).dst[0][0] == trained);
}

TEST_CASE("cross_entropy gives the plain likelihood too where smoothing or weights change it") {
  const test::LayerCase plain = labelled({4, 3}, {0, -100, 2, 1});
  CHECK(test::run_layer(plain).dst.size() == 2);
  const float expected = test::run_layer(plain).dst[0][0];
  const nlohmann::json changes[] = {
      {{"label_smoothing", 0.3}},
      {{"class_weights", {0, 1, 7}}},
      {{"label_smoothing", 0.1}, {"class_weights", {3, 1, 2}}},
  };
  for (const nlohmann::json& params : changes) {
    for (const bool training : {true, false}) {
      test::LayerCase changed = labelled({4, 3}, {0, -100, 2, 1}, params);
      changed.training = training;
      const test::LayerResult result = test::run_layer(changed);
      REQUIRE(result.dst.size() == 4);
      CHECK(result.dst[0][0] != expected);
      CHECK(result.dst[kPlainMean][0] == doctest::Approx(expected));
      CHECK(result.dst[kPlainWeight][0] == 3);
    }
  }
  test::LayerCase masked = labelled({3, 2}, {0, 1, 1}, {{"label_smoothing", 0.5}});
  masked.sources[0].values = {1, 2, std::nanf(""), 5, 0, 3};
  masked.sources.push_back({{3}, {1, 0, 1}, {}});
  const double likelihood = (std::log1p(std::exp(1.0)) + std::log1p(std::exp(-3.0))) / 2;
  CHECK(test::run_layer(masked).dst[kPlainMean][0] == doctest::Approx(likelihood));
  CHECK(test::run_layer(masked).dst[kPlainWeight][0] == 2);
}

TEST_CASE("cross_entropy does not read beyond the classes for a label that is none") {
  for (const std::int32_t label : {-1, 3, std::numeric_limits<std::int32_t>::max()})
    CHECK_THROWS_AS(test::run_layer(labelled({2, 3}, {0, label})), UserError);
}

TEST_CASE("cross_entropy says what does not fit") {
  CHECK(shape_error(labelled({1, 3, 2, 2}, std::vector<std::int32_t>(12))) ==
        "cross_entropy needs scores of classes, (N, C) or (N, T, C), but gets 3x2x2");
  CHECK(shape_error(labelled({2, 3}, {0, 1}, {{"class_weights", {1, 2}}})) ==
        "class_weights has 2 numbers for 3 classes");
  test::LayerCase other = labelled({2, 3}, {0, 1});
  other.sources[1] = {{2, 4}, std::vector<float>(8), {}};
  CHECK(shape_error(other) ==
        "the target must be a label for each prediction, or a probability for each class: "
        "source 1 is 3, source 2 is 4");
  test::LayerCase masked = labelled({2, 3}, {0, 1});
  masked.sources.push_back({{2, 3}, std::vector<float>(6), {}});
  CHECK(shape_error(masked) ==
        "a mask has one number for each sample, or for each place of a sequence: "
        "source 1 is 3, source 3 is 3");
}

}  // namespace dl
