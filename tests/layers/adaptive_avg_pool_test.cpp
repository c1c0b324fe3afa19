#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("adaptive_avg_pool agrees with PyTorch") {
  test::check_layer_goldens("adaptive_avg_pool");
}

TEST_CASE("adaptive_avg_pool says what does not fit") {
  CHECK(test::shape_error("adaptive_avg_pool", {{"output_size", {2, 2}}}, {{1, 3, 8}}) ==
        "output_size has 2 sizes, but the source has 1 spatial axes");
  CHECK(
      test::shape_error("adaptive_avg_pool", {{"output_size", 2}}, {{1, 3}}) ==
      "adaptive_avg_pool needs a picture (C, H, W) or a series (C, W) but its source is 3 | put a "
      "reshape layer before it");
  CHECK(test::shape_error("adaptive_avg_pool", {{"output_size", 65536}}, {{64, 1024, 8, 8}})
            .find("is too large: a tensor has at most 2^40") != std::string::npos);
}

}  // namespace dl
