#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase norm_case(const nlohmann::json& params, const Shape& shape) {
  return {.layer = "lrn",
          .params = test::node_from_json(params),
          .sources = {{shape, std::vector<float>(shape.elements(), 1.0F), {}}}};
}

}  // namespace

TEST_CASE("lrn agrees with PyTorch") { test::check_layer_goldens("lrn"); }

TEST_CASE("lrn needs a picture and a window with a middle") {
  CHECK_THROWS_WITH_AS(test::run_layer(norm_case({{"size", 4}}, {1, 8, 2, 2})),
                       "size is 4, but must be odd", ShapeError);
  CHECK_THROWS_WITH_AS(test::run_layer(norm_case(nlohmann::json::object(), {1, 8})),
                       "lrn needs a picture (C, H, W) or a series (C, W) but its source is 8",
                       ShapeError);
}

}  // namespace dl
