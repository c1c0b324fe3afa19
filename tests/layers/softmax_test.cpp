#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_errors.h"
#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("softmax agrees with PyTorch") { test::check_layer_goldens("softmax"); }

TEST_CASE("softmax needs an axis") {
  CHECK(test::shape_error("softmax", {}, {{4}}) ==
        "softmax needs an axis of classes but gets one value");
}

}  // namespace dl
