#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("concat agrees with PyTorch") { test::check_layer_goldens("concat"); }

TEST_CASE("concat says what does not fit") {
  CHECK(test::shape_error("concat", {}, {{1, 16, 8, 8}, {1, 32, 8, 8}, {1, 8, 4, 8}}) ==
        "sources differ in more than axis 1: source 1 is 16x8x8, source 3 is 8x4x8");
  CHECK(test::shape_error("concat", {}, {{1, 16, 8, 8}, {1, 32}}) ==
        "sources differ in more than axis 1: source 1 is 16x8x8, source 2 is 32");
  CHECK(test::shape_error("concat", {{"axis", 2}}, {{1, 16}, {1, 32}}) ==
        "axis 2 is beyond the axes of 16");
}

}  // namespace dl
