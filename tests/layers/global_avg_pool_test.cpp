#include <doctest/doctest.h>

#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("global_avg_pool agrees with PyTorch") { test::check_layer_goldens("global_avg_pool"); }

}  // namespace dl
