#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("pad agrees with PyTorch") { test::check_layer_goldens("pad"); }

TEST_CASE("pad says what does not fit") {
  CHECK(test::shape_error("pad", {{"padding", {1, 1}}}, {{1, 3, 8, 8}}) ==
        "padding has 2 numbers, but 3x8x8 has 2 spatial axes, which take two each");
  CHECK(test::shape_error("pad", {{"channels", {1}}}, {{1, 3, 8, 8}}) ==
        "channels has 1 numbers, must have 2: [before, after]");
  CHECK(test::shape_error("pad", {}, {{1}}) ==
        "pad needs a source with channels but gets one value");
  CHECK(test::shape_error("pad", {{"padding", {65536, 65536, 65536, 65536}}}, {{1, 1024, 8, 8}})
            .find("is too large: a tensor has at most 2^40") != std::string::npos);
}

}  // namespace dl
