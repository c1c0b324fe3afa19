#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {

TEST_CASE("linear agrees with PyTorch") { test::check_layer_goldens("linear"); }

TEST_CASE("linear refuses a picture and says what to do") {
  test::LayerCase picture{
      .layer = "linear", .params = {}, .sources = {{{1, 3, 2, 2}, std::vector<float>(12), {}}}};
  picture.params = ConfigNode::map({{"out_features", {}, ConfigNode::scalar("2", {})}}, {});
  CHECK_THROWS_AS(test::run_layer(picture), ShapeError);
}

}  // namespace dl
