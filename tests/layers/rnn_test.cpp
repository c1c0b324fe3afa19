#include <doctest/doctest.h>

#include "tests/support/layer_golden.h"

namespace dl {

TEST_CASE("rnn agrees with PyTorch") { test::check_layer_goldens("rnn"); }

}  // namespace dl
