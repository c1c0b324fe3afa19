#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/parallel.h"
#include "core/random.h"
#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

test::LayerCase dropout(const Shape& shape, double p) {
  return {.layer = "dropout",
          .params = test::node_from_json({{"p", p}}),
          .sources = {{shape, std::vector<float>(shape.elements(), 1.0F), {}}}};
}

/// What layers/dropout.cpp says of its mask, element by element from the public generator.
std::vector<float> expected_mask(std::size_t size, float p, std::uint64_t seed,
                                 std::uint64_t step) {
  std::uint64_t key = 14695981039346656037ULL;
  for (const char c : std::string("layer"))
    key = (key ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  const auto mixed =
      philox({static_cast<std::uint32_t>(RandomStream::dropout), static_cast<std::uint32_t>(key),
              static_cast<std::uint32_t>(key >> 32), 0},
             {static_cast<std::uint32_t>(seed), 0});
  std::vector<float> mask;
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto block = philox({i / 64 * 16 + i % 16, static_cast<std::uint32_t>(step), 0, mixed[2]},
                              {mixed[0], mixed[1]});
    mask.push_back(block[i % 64 / 16] >= p * 0x1p32 ? 1.0F / (1.0F - p) : 0.0F);
  }
  return mask;
}

}  // namespace

TEST_CASE("dropout with p = 0, and in evaluation, agrees with PyTorch") {
  test::check_layer_goldens("dropout");
}

TEST_CASE("dropout's mask depends on seed, step, layer and element as it is written") {
  for (const std::int64_t size : {1, 63, 64, 65, 1000}) {
    CAPTURE(size);
    test::LayerCase layer_case = dropout({1, size}, 0.25);
    layer_case.seed = 7;
    const auto steps = test::run_layer_steps(layer_case, 3);
    for (std::size_t step = 0; step < steps.size(); ++step)
      CHECK(steps[step].dst[0] == expected_mask(size, 0.25F, 7, step));
  }
}

TEST_CASE("dropout keeps the mean and multiplies what stays by 1 / (1 - p)") {
  for (const double p : {0.1, 0.5, 0.9}) {
    CAPTURE(p);
    const std::vector<float> dst = test::run_layer(dropout({10, 10000}, p)).dst[0];
    const auto zeros = static_cast<double>(std::count(dst.begin(), dst.end(), 0.0F));
    CHECK(zeros / 1e5 == doctest::Approx(p).epsilon(0.02));
    double sum = 0;
    for (const float value : dst) sum += value;
    CHECK(sum / 1e5 == doctest::Approx(1).epsilon(0.03));
  }
}

TEST_CASE("dropout sends the gradient through the mask of the same step") {
  using Layout = test::LayerCase::Layout;
  for (const Layout layout : {Layout::plain, Layout::blocked, Layout::channels_last}) {
    test::LayerCase layer_case = dropout({2, 17, 5, 5}, 0.5);
    layer_case.layout = layout;
    const auto steps = test::run_layer_steps(layer_case, 2);
    for (const test::LayerResult& step : steps) CHECK(step.diff_src[0] == step.dst[0]);
    CHECK(steps[0].dst[0] != steps[1].dst[0]);
    CHECK(test::run_layer(layer_case).dst[0] == steps[0].dst[0]);
  }
}

TEST_CASE("dropout does not depend on the number of threads") {
  const test::LayerCase layer_case = dropout({30, 3001}, 0.3);
  const int threads = thread_count();
  use_threads(1);
  const std::vector<float> one = test::run_layer(layer_case).dst[0];
  use_threads(3);
  const std::vector<float> three = test::run_layer(layer_case).dst[0];
  use_threads(threads);
  CHECK(one == three);
}

TEST_CASE("dropout differs between seeds") {
  test::LayerCase layer_case = dropout({1, 100}, 0.5);
  const std::vector<float> first = test::run_layer(layer_case).dst[0];
  layer_case.seed = 2;
  CHECK(test::run_layer(layer_case).dst[0] != first);
}

}  // namespace dl
