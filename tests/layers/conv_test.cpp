#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase conv_case(const nlohmann::json& params, const Shape& shape) {
  return {.layer = "conv",
          .params = test::node_from_json(params),
          .sources = {{shape, std::vector<float>(shape.elements(), 1.0F), {}}}};
}

}  // namespace

TEST_CASE("conv agrees with PyTorch") { test::check_layer_goldens("conv"); }

TEST_CASE("conv says which window does not fit which source") {
  CHECK_THROWS_WITH_AS(
      test::run_layer(conv_case({{"out_channels", 2}, {"kernel_size", 7}}, {1, 16, 5, 5})),
      "kernel 7x7 does not fit source 16x5x5 with padding 0", ShapeError);
  CHECK_THROWS_WITH_AS(
      test::run_layer(
          conv_case({{"out_channels", 2}, {"kernel_size", 3}, {"dilation", 4}}, {1, 2, 9, 8})),
      "kernel 3x3 dilated by 4x4 does not fit source 2x9x8 with padding 0", ShapeError);
}

TEST_CASE("conv refuses features, groups that do not divide, and sizes for other axes") {
  CHECK_THROWS_WITH_AS(
      test::run_layer(conv_case({{"out_channels", 2}, {"kernel_size", 1}}, {4, 9})),
      "conv needs a picture (C, H, W) or a series (C, W) but its source is 9", ShapeError);
  CHECK_THROWS_WITH_AS(test::run_layer(conv_case(
                           {{"out_channels", 4}, {"kernel_size", 1}, {"groups", 2}}, {1, 3, 4, 4})),
                       "the source's channels (3) cannot be cut into 2 groups", ShapeError);
  CHECK_THROWS_WITH_AS(test::run_layer(conv_case(
                           {{"out_channels", 5}, {"kernel_size", 1}, {"groups", 2}}, {1, 4, 4, 4})),
                       "out_channels (5) cannot be cut into 2 groups", ShapeError);
  CHECK_THROWS_WITH_AS(
      test::run_layer(conv_case({{"out_channels", 5}, {"kernel_size", {3, 3, 3}}}, {1, 4, 4, 4})),
      "kernel_size has 3 sizes, but the source has 2 spatial axes", ShapeError);
  CHECK_THROWS_WITH_AS(
      test::run_layer(
          conv_case({{"out_channels", 5}, {"kernel_size", 3}, {"stride", 2}, {"padding", "same"}},
                    {1, 4, 8, 8})),
      "padding same needs stride 1", ShapeError);
}

TEST_CASE("conv refuses sizes that no machine can hold instead of overflowing") {
  CHECK_THROWS_AS(
      test::run_layer(conv_case({{"out_channels", 1 << 24}, {"kernel_size", 1}, {"padding", 60000}},
                                {1, 1, 1, 1})),
      ShapeError);
  CHECK_THROWS_AS(test::run_layer(conv_case(
                      {{"out_channels", std::int64_t{1} << 40}, {"kernel_size", 1}}, {1, 1, 1, 1})),
                  UserError);
  CHECK_THROWS_AS(
      test::run_layer(conv_case({{"out_channels", 0}, {"kernel_size", 1}}, {1, 1, 1, 1})),
      UserError);
}

TEST_CASE("conv names the key that it cannot read") {
  CHECK_THROWS_AS(
      test::run_layer(
          conv_case({{"out_channels", 2}, {"kernel_size", 3}, {"padding", "smae"}}, {1, 1, 4, 4})),
      UserError);
  CHECK_THROWS_AS(test::run_layer(conv_case({{"out_channels", 2}}, {1, 1, 4, 4})), UserError);
}

}  // namespace dl
