#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/parallel.h"
#include "tests/support/formula.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase norm_case(const Shape& shape, bool training) {
  return {.layer = "batch_norm",
          .params = {},
          .sources = {{shape, test::formula_tensor(1, shape.elements()), {}}},
          .training = training};
}

}  // namespace

TEST_CASE("batch_norm agrees with PyTorch") { test::check_layer_goldens("batch_norm"); }

TEST_CASE("batch_norm starts as the identity of evaluation and changes nothing there") {
  const test::LayerCase evaluation = norm_case({2, 3, 4, 4}, false);
  const test::LayerResult result = test::run_layer(evaluation);
  CHECK(result.weights_after.at("running_mean") == std::vector<float>(3, 0.0F));
  CHECK(result.weights_after.at("running_var") == std::vector<float>(3, 1.0F));
  for (std::size_t i = 0; i < result.dst[0].size(); ++i)
    CHECK(result.dst[0][i] == doctest::Approx(evaluation.sources[0].values[i]).epsilon(1e-4));
}

TEST_CASE("batch_norm keeps averaging over steps") {
  const auto steps = test::run_layer_steps(norm_case({4, 2, 3, 3}, true), 2);
  const float first = steps[0].weights_after.at("running_mean")[0];
  CHECK(steps[1].weights_after.at("running_mean")[0] == doctest::Approx(1.9F * first));
}

TEST_CASE("batch_norm with channels last gives the same bits with any number of threads") {
  test::LayerCase layer_case = norm_case({3, 20, 30, 31}, true);
  layer_case.layout = test::LayerCase::Layout::channels_last;
  const int threads = thread_count();
  use_threads(1);
  const test::LayerResult one = test::run_layer(layer_case);
  use_threads(3);
  const test::LayerResult three = test::run_layer(layer_case);
  use_threads(threads);
  CHECK(one.dst == three.dst);
  CHECK(one.diff_src == three.diff_src);
  CHECK(one.diff_weights == three.diff_weights);
  CHECK(one.weights_after == three.weights_after);
}

TEST_CASE("batch_norm with channels last keeps its digits where the mean is far from zero") {
  test::LayerCase layer_case = norm_case({4, 3, 50, 50}, true);
  layer_case.layout = test::LayerCase::Layout::channels_last;
  const std::vector<float> near = test::run_layer(layer_case).dst[0];
  for (float& value : layer_case.sources[0].values) value += 64;
  const std::vector<float> far = test::run_layer(layer_case).dst[0];
  for (std::size_t i = 0; i < near.size(); i += 97)
    CHECK(far[i] == doctest::Approx(near[i]).epsilon(1e-4));
}

TEST_CASE("batch_norm refuses to train on one value per channel but evaluates it") {
  CHECK_THROWS_WITH_AS(
      test::run_layer(norm_case({1, 5}, true)),
      doctest::Contains("batch_norm has one value per channel to normalize in training"),
      UserError);
  CHECK_THROWS_AS(test::run_layer(norm_case({1, 5, 1, 1}, true)), UserError);
  CHECK_NOTHROW(test::run_layer(norm_case({1, 5}, false)));
  CHECK_NOTHROW(test::run_layer(norm_case({1, 5, 1, 2}, true)));
}

TEST_CASE("batch_norm refuses a source without channels") {
  CHECK_THROWS_AS(test::run_layer(norm_case({4}, true)), ShapeError);
}

}  // namespace dl
