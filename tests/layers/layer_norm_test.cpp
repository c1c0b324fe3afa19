#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase norm_case(const nlohmann::json& params, const Shape& shape) {
  return {.layer = "layer_norm",
          .params = test::node_from_json(params),
          .sources = {{shape, std::vector<float>(shape.elements(), 1.0F), {}}}};
}

}  // namespace

TEST_CASE("layer_norm agrees with PyTorch") { test::check_layer_goldens("layer_norm"); }

TEST_CASE("layer_norm refuses more axes than a sample has") {
  CHECK_THROWS_WITH_AS(test::run_layer(norm_case({{"axes", 2}}, {2, 8})),
                       "layer_norm over the last 2 axes does not fit source 8", ShapeError);
  CHECK_THROWS_AS(test::run_layer(norm_case({{"axes", 4}}, {2, 8})), UserError);
}

TEST_CASE("layer_norm of equal values is its offset, not a division by zero") {
  const test::LayerResult result = test::run_layer(norm_case(nlohmann::json::object(), {2, 8}));
  for (const float value : result.dst[0]) CHECK(value == 0.0F);
}

}  // namespace dl
