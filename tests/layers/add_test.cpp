#include <doctest/doctest.h>

#include "layers/layer.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase sum_of(const Shape& a, const Shape& b) {
  return {.layer = "add",
          .params = {},
          .sources = {{a, std::vector<float>(a.elements(), 1.0F), {}},
                      {b, std::vector<float>(b.elements(), 1.0F), {}}}};
}

void check_differs(const Shape& a, const Shape& b, const std::string& what,
                   const std::string& hint) {
  try {
    test::run_layer(sum_of(a, b));
    FAIL("accepted");
  } catch (const SourcesDiffer& error) {
    CHECK(error.what() == what);
    CHECK(error.hint() == hint);
    CHECK(error.sources() == std::vector<std::size_t>{0, 1});
  }
}

}  // namespace

TEST_CASE("add agrees with PyTorch") { test::check_layer_goldens("add"); }

TEST_CASE("add says which sources differ and how to project a shortcut") {
  check_differs({2, 256, 28, 28}, {2, 128, 28, 28},
                "sources differ: source 1 is 256x28x28, source 2 is 128x28x28",
                "project the shortcut with a 1x1 conv of 256 channels");
  check_differs({2, 32, 14, 14}, {2, 16, 27, 28},
                "sources differ: source 1 is 32x14x14, source 2 is 16x27x28",
                "project the shortcut with a 1x1 conv of 32 channels and stride 2");
  check_differs({2, 8, 5, 5}, {2, 8, 7, 9}, "sources differ: source 1 is 8x5x5, source 2 is 8x7x9",
                "");
  check_differs({2, 10}, {2, 11}, "sources differ: source 1 is 10, source 2 is 11", "");
}

}  // namespace dl
