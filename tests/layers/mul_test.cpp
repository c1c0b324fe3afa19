#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("mul agrees with PyTorch") { test::check_layer_goldens("mul"); }

TEST_CASE("mul says what does not fit") {
  CHECK(test::shape_error("mul", {}, {{1, 16, 8, 8}, {1, 8, 1, 1}}) ==
        "sources differ: source 1 is 16x8x8, source 2 is 8x1x1");
  CHECK(test::shape_error("mul", {}, {{1, 16, 1, 1}, {1, 16, 8, 8}}) ==
        "sources differ: source 1 is 16x1x1, source 2 is 16x8x8 | name the one with the whole "
        "picture first");
}

}  // namespace dl
