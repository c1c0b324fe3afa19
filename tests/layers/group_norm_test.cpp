#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase norm_case(const nlohmann::json& params, const Shape& shape) {
  return {.layer = "group_norm",
          .params = test::node_from_json(params),
          .sources = {{shape, std::vector<float>(shape.elements(), 1.0F), {}}}};
}

}  // namespace

TEST_CASE("group_norm agrees with PyTorch") { test::check_layer_goldens("group_norm"); }

TEST_CASE("group_norm refuses groups that do not divide the channels") {
  CHECK_THROWS_WITH_AS(test::run_layer(norm_case({{"num_groups", 4}}, {1, 6, 2, 2})),
                       "the source's channels (6) cannot be cut into 4 groups", ShapeError);
  CHECK_THROWS_AS(test::run_layer(norm_case({{"num_groups", 0}}, {1, 6, 2, 2})), UserError);
  CHECK_THROWS_AS(test::run_layer(norm_case(nlohmann::json::object(), {1, 6, 2, 2})), UserError);
}

}  // namespace dl
