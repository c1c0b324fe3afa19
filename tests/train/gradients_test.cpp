#include "engine/train/gradients.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"

namespace dl {
namespace {

using nlohmann::json;

std::vector<float> joined_gradients(const json& sizes, float scale) {
  std::vector<float> all;
  std::uint32_t salt = 1;
  for (const std::size_t size : sizes) {
    const auto part = test::formula_tensor(salt++, size, scale);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

TEST_CASE("gradients are clipped as torch.nn.utils does") {
  const json file = test::read_golden("gradients");
  for (const json& golden : file["clip"]) {
    CAPTURE(golden["max_norm"].dump());
    CAPTURE(golden["max_value"].dump());
    std::vector<float> gradients = joined_gradients(file["sizes"], golden["scale"].get<float>());
    GradientNorm norm_of(gradients.size());
    const double norm = norm_of(gradients);
    CHECK(norm == doctest::Approx(golden["norm"].get<double>()).epsilon(1e-9));
    const double factor =
        golden["max_norm"].is_null() ? 1.0 : clip_factor(norm, golden["max_norm"]);
    const float limit = golden["max_value"].is_null() ? std::numeric_limits<float>::infinity()
                                                      : golden["max_value"].get<float>();
    clip_by_value(gradients, static_cast<float>(factor), limit);
    test::check_samples("gradients", gradients, golden["clipped"], 1e-6);
  }
}

TEST_CASE("averages of weights follow torch.optim.swa_utils") {
  const json file = test::read_golden("gradients");
  for (const json& golden : file["ema"]) {
    CAPTURE(golden["decay"].get<double>());
    const std::size_t size = golden["average"]["shape"][0];
    std::vector<float> average = test::formula_tensor(10, size);
    for (std::uint32_t update = 1; update <= golden["updates"]; ++update)
      average_into(average, test::formula_tensor(10 + update, size), golden["decay"]);
    test::check_samples("average", average, golden["average"], 1e-6);
  }
}

TEST_CASE("the average of weights that stand still is those weights, to the bit") {
  const std::vector<float> weights = test::formula_tensor(1, 1000);
  std::vector<float> average = weights;
  for (int update = 0; update < 50; ++update) average_into(average, weights, 0.999);
  CHECK(average == weights);
}

TEST_CASE("the decay of an average warms up to its value") {
  CHECK(ema_decay(0.99, false, 1) == 0.99);
  CHECK(ema_decay(0.99, true, 1) == doctest::Approx(2.0 / 11.0));
  CHECK(ema_decay(0.99, true, 90) == doctest::Approx(0.91));
  CHECK(ema_decay(0.99, true, 100000) == 0.99);
}

TEST_CASE("the norm does not depend on the number of threads") {
  const std::vector<float> gradients = test::formula_tensor(3, 300001);
  GradientNorm norm_of(gradients.size());
  const int threads = thread_count();
  use_threads(1);
  const double one = norm_of(gradients);
  use_threads(3);
  CHECK(norm_of(gradients) == one);
  use_threads(threads);
}

TEST_CASE("one gradient that is not finite makes the norm so, wherever it is") {
  std::vector<float> gradients = test::formula_tensor(3, 10007);
  GradientNorm norm_of(gradients.size());
  for (const std::size_t at : {std::size_t{0}, std::size_t{4095}, std::size_t{10006}}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      const float kept = gradients[at];
      gradients[at] = bad;
      CHECK_FALSE(std::isfinite(norm_of(gradients)));
      gradients[at] = kept;
    }
  }
  gradients[5] = std::numeric_limits<float>::max();  // its square is no float, but fits a double
  CHECK(std::isfinite(norm_of(gradients)));
  CHECK(GradientNorm(0)({}) == 0.0);
}

TEST_CASE("accumulated batches add up, each with its weight") {
  const std::vector<float> first = test::formula_tensor(1, 100),
                           second = test::formula_tensor(2, 100);
  std::vector<float> sum(100, 77.0F);  // of the step before
  dl::accumulate(sum, first, 2, true);
  dl::accumulate(sum, second, 3, false);
  for (std::size_t i = 0; i < sum.size(); ++i)
    CHECK(sum[i] == doctest::Approx(2 * first[i] + 3 * second[i]));
}

}  // namespace dl
