#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("reshape agrees with PyTorch") { test::check_layer_goldens("reshape"); }

TEST_CASE("reshape says what does not fit") {
  const auto error = [](const nlohmann::json& shape) {
    return test::shape_error("reshape", {{"shape", shape}}, {{2, 3, 4}});
  };
  CHECK(error({5, -1}) == "the 12 values of 3x4 do not fit 5x-1");
  CHECK(error({3, 5}) == "the 12 values of 3x4 do not fit 3x5");
  CHECK(error({-1, -1}) == "shape holds -1 more than once");
  CHECK(error({0, 12}) == "shape holds 0");
  CHECK(error({1 << 24, 1 << 24, 1 << 24}).find("is too large: a tensor has at most 2^40") !=
        std::string::npos);
  CHECK(error({6, 2}) == "accepted");
}

}  // namespace dl
