#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// Fine-tuning against PyTorch (tests/goldens/networks_transfer.py), in a reduced width.

namespace dl {

TEST_CASE("all of a network is fine-tuned as PyTorch does it") {
  test::check_network_golden("transfer_full");
}

TEST_CASE("a head on a frozen network trains as PyTorch's does") {
  test::check_network_golden("transfer_head");
}

TEST_CASE("the upper part of a network trains as PyTorch's does") {
  test::check_network_golden("transfer_upper_part");
}

TEST_CASE("gradients pass through a frozen part as PyTorch's do") {
  test::check_network_golden("transfer_middle_frozen");
}

TEST_CASE("single frozen batch norms do as PyTorch's do") {
  test::check_network_golden("transfer_norms_frozen");
}

}  // namespace dl
