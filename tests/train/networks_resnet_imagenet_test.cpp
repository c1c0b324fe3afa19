#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// Residual networks for ImageNet against PyTorch (tests/goldens/networks_resnet.py), in a reduced
// width and on pictures of 64x64.

namespace dl {

TEST_CASE("ResNet-18 trains as PyTorch's does") { test::check_network_golden("resnet18"); }

TEST_CASE("ResNet-34 trains as PyTorch's does") { test::check_network_golden("resnet34"); }

TEST_CASE("ResNet-50 with the stride in the 3x3 trains as PyTorch's does") {
  test::check_network_golden("resnet50");
}

TEST_CASE("ResNet-50 with the stride in the 1x1 trains as PyTorch's does") {
  test::check_network_golden("resnet50_stride_in_1x1");
}

TEST_CASE("ResNet-101 trains as PyTorch's does") { test::check_network_golden("resnet101"); }

TEST_CASE("ResNet-152 trains as PyTorch's does") { test::check_network_golden("resnet152"); }

TEST_CASE("ResNet-152 with pre-activation trains as PyTorch's does") {
  test::check_network_golden("resnet152_preact");
}

}  // namespace dl
