#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("permute agrees with PyTorch") { test::check_layer_goldens("permute"); }

TEST_CASE("permute says which axes do not fit") {
  const auto error = [](const std::vector<int>& dims) {
    return test::shape_error("permute", {{"dims", dims}}, {{1, 29, 12}});
  };
  CHECK(error({0, 2, 1}) == "accepted");
  CHECK(error({0, -1, -2}) == "accepted");
  CHECK(error({1, 0}) ==
        "dims names 2 axes, but 29x12 has 3 with the batch | name each once, the batch (0) first");
  CHECK(error({0, 2, 2}) ==
        "dims must name each axis of 29x12 once, but 2 is there twice | the batch is axis 0");
  CHECK(error({0, 2, 3}) ==
        "dims must name each axis of 29x12 once, but 3 is none | the batch is axis 0");
  CHECK(error({1, 0, 2}) == "dims begins with 1, but the batch stays first | dims: [0, ...]");
}

}  // namespace dl
