#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// GoogLeNet in all its forms against PyTorch (tests/goldens/networks_googlenet.py), in a reduced
// width.

namespace dl {

TEST_CASE("GoogLeNet with batch norm and both heads trains as PyTorch's does") {
  test::check_network_golden("googlenet");
}

TEST_CASE("GoogLeNet as first published trains as PyTorch's does") {
  test::check_network_golden("googlenet_lrn");
}

TEST_CASE("GoogLeNet in torchvision's form trains as PyTorch's does") {
  test::check_network_golden("googlenet_torchvision");
}

TEST_CASE("the small GoogLeNet trains as PyTorch's does") {
  test::check_network_golden("googlenet_small");
}

TEST_CASE("the small GoogLeNet without heads trains as PyTorch's does") {
  test::check_network_golden("googlenet_small_no_heads");
}

TEST_CASE("the small GoogLeNet of naive modules trains as PyTorch's does") {
  test::check_network_golden("googlenet_small_naive");
}

TEST_CASE("the small GoogLeNet on 28x28 pictures of one channel trains as PyTorch's does") {
  test::check_network_golden("fashion_googlenet_small");
}

TEST_CASE("the small GoogLeNet without heads on 28x28 pictures trains as PyTorch's does") {
  test::check_network_golden("fashion_googlenet_small_no_heads");
}

TEST_CASE("the small GoogLeNet of naive modules on 28x28 pictures trains as PyTorch's does") {
  test::check_network_golden("fashion_googlenet_small_naive");
}

}  // namespace dl
