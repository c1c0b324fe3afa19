#include <doctest/doctest.h>

#include "layers/layer.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {

TEST_CASE("flatten agrees with PyTorch") { test::check_layer_goldens("flatten"); }

TEST_CASE("flatten refuses a start beyond the last axis") {
  test::LayerCase features{
      .layer = "flatten", .params = {}, .sources = {{{1, 4}, std::vector<float>(4), {}}}};
  features.params = ConfigNode::map({{"start_axis", {}, ConfigNode::scalar("2", {})}}, {});
  CHECK_THROWS_WITH_AS(test::run_layer(features), "start_axis 2 is beyond the axes of 4",
                       ShapeError);
}

}  // namespace dl
