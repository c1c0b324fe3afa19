#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("slice agrees with PyTorch") { test::check_layer_goldens("slice"); }

TEST_CASE("slice says what does not fit") {
  const auto error = [](const nlohmann::json& params) {
    return test::shape_error("slice", params, {{1, 16, 8, 8}});
  };
  const std::string places = " leave nothing, or reach beyond the 16 places of axis 1 of 16x8x8";
  CHECK(error({{"stop", 17}}) == "start 0 and stop 17" + places);
  CHECK(error({{"start", 16}}) == "start 16 and stop 16" + places);
  CHECK(error({{"start", -17}}) == "start -17 and stop 16" + places);
  CHECK(error({{"start", 5}, {"stop", 5}}) == "start 5 and stop 5" + places);
  CHECK(error({{"axis", 4}}) == "axis 4 is beyond the axes of 16x8x8");
}

}  // namespace dl
