#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// The networks of configs/mnist against PyTorch (tests/goldens/networks_mnist.py).

namespace dl {

TEST_CASE("LeNet trains as PyTorch's does") { test::check_network_golden("lenet"); }

TEST_CASE("three layers of sigmoids with batch norm train as PyTorch's do") {
  test::check_network_golden("bn_sigmoid");
}

TEST_CASE("three layers of sigmoids without batch norm train as PyTorch's do") {
  test::check_network_golden("sigmoid");
}

}  // namespace dl
