#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase pool_case(const std::string& layer, const nlohmann::json& params,
                          const Shape& shape) {
  return {.layer = layer,
          .params = test::node_from_json(params),
          .sources = {{shape, std::vector<float>(shape.elements(), -1.0F), {}}}};
}

}  // namespace

TEST_CASE("max_pool agrees with PyTorch") { test::check_layer_goldens("max_pool"); }

TEST_CASE("max_pool does not take padding for a value") {
  const test::LayerResult result = test::run_layer(pool_case(
      "max_pool", {{"kernel_size", 2}, {"padding", 1}, {"ceil_mode", true}}, {1, 3, 3, 3}));
  for (const float value : result.dst[0]) CHECK(value == -1.0F);
}

TEST_CASE("poolings say which window does not fit") {
  CHECK_THROWS_WITH_AS(test::run_layer(pool_case("max_pool", {{"kernel_size", 4}}, {1, 2, 3, 5})),
                       "kernel 4x4 does not fit source 2x3x5 with padding 0", ShapeError);
  CHECK_THROWS_WITH_AS(
      test::run_layer(pool_case("avg_pool", {{"kernel_size", 2}, {"padding", 2}}, {1, 2, 3, 5})),
      "padding 2x2 is more than half of kernel 2x2", ShapeError);
  CHECK_THROWS_AS(test::run_layer(pool_case("max_pool", {{"kernel_size", 2}}, {1, 2})), ShapeError);
  CHECK_THROWS_AS(test::run_layer(pool_case("global_avg_pool", {}, {1, 2})), ShapeError);
}

TEST_CASE("max_pool refuses a window with holes that sees only padding") {
  CHECK_THROWS_WITH_AS(
      test::run_layer(pool_case("max_pool", {{"kernel_size", 2}, {"padding", 1}, {"dilation", 2}},
                                {1, 1, 1, 5})),
      "a window of kernel 2x2 sees only padding: source 1x1x5 is too small", ShapeError);
}

}  // namespace dl
