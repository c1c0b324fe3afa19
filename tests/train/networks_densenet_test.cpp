#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// Densely connected networks against PyTorch (tests/goldens/networks_densenet.py), in a reduced
// width.

namespace dl {

TEST_CASE("DenseNet-40 trains as PyTorch's does") { test::check_network_golden("densenet_40_12"); }

TEST_CASE("DenseNet-BC-40 trains as PyTorch's does") {
  test::check_network_golden("densenet_bc_40_12");
}

TEST_CASE("DenseNet-BC-100 trains as PyTorch's does") {
  test::check_network_golden("densenet_bc_100_12");
}

TEST_CASE("DenseNet-121 trains as PyTorch's does") { test::check_network_golden("densenet121"); }

}  // namespace dl
