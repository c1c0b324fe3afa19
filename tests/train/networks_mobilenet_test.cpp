#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

namespace dl {

TEST_CASE("MobileNetV2 trains as PyTorch's does") { test::check_network_golden("mobilenet_v2"); }

}  // namespace dl
