#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// Residual networks for small pictures against PyTorch (tests/goldens/networks_resnet.py), in a
// reduced width.

namespace dl {

TEST_CASE("ResNet-20 with projections trains as PyTorch's does") {
  test::check_network_golden("resnet20");
}

TEST_CASE("ResNet-20 with shortcuts of option A trains as PyTorch's does") {
  test::check_network_golden("resnet20_option_a");
}

TEST_CASE("the plain network of 20 layers trains as PyTorch's does") {
  test::check_network_golden("plain20");
}

TEST_CASE("ResNet-20 on 28x28 pictures of one channel trains as PyTorch's does") {
  test::check_network_golden("fashion_resnet20");
}

TEST_CASE("ResNet-20 with pre-activation trains as PyTorch's does") {
  test::check_network_golden("resnet20_preact");
}

TEST_CASE("ResNet-56 trains as PyTorch's does") { test::check_network_golden("resnet56"); }

TEST_CASE("the plain network of 56 layers trains as PyTorch's does") {
  test::check_network_golden("plain56");
}

TEST_CASE("ResNet-110 trains as PyTorch's does") { test::check_network_golden("resnet110"); }

TEST_CASE("ResNet-110 with pre-activation trains as PyTorch's does") {
  test::check_network_golden("resnet110_preact");
}

TEST_CASE("ResNet-164 with pre-activation and bottlenecks trains as PyTorch's does") {
  test::check_network_golden("resnet164_preact");
}

}  // namespace dl
