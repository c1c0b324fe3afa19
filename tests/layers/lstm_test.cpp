#include <doctest/doctest.h>

#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("lstm agrees with PyTorch") { test::check_layer_goldens("lstm"); }

}  // namespace dl
