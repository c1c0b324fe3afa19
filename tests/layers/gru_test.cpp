#include <doctest/doctest.h>

#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("gru agrees with PyTorch") { test::check_layer_goldens("gru"); }

}  // namespace dl
