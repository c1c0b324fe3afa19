#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {

TEST_CASE("embedding agrees with PyTorch") { test::check_layer_goldens("embedding"); }

TEST_CASE("embedding wants tokens") {
  test::LayerCase floats{
      .layer = "embedding",
      .params = test::node_from_json({{"num_embeddings", 3}, {"embedding_dim", 2}}),
      .sources = {{{1, 2}, {0.5F, 1.5F}, {}}}};
  CHECK_THROWS_AS(test::run_layer(floats), UserError);
}

TEST_CASE("the padding's row starts at zero, the others do not") {
  const test::LayerCase padded{
      .layer = "embedding",
      .params =
          test::node_from_json({{"num_embeddings", 3}, {"embedding_dim", 2}, {"padding_idx", 1}}),
      .sources = {{{1, 3}, {}, {0, 1, 2}}}};
  const std::vector<float> dst = test::run_layer(padded).dst[0];
  CHECK(dst[0] != 0);
  CHECK(dst[2] == 0);
  CHECK(dst[3] == 0);
  CHECK(dst[5] != 0);
}

}  // namespace dl
