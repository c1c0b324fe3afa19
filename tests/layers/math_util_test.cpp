#include "layers/math_util.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace dl {
namespace {

/// The largest error over -30..30 and around 0, in units in the last place of the true value.
template <class Fast, class True>
double worst_ulps(Fast fast, True exact) {
  double worst = 0;
  const auto look = [&](float x) {
    const double wanted = exact(static_cast<double>(x));
    const float near = static_cast<float>(wanted);
    const double ulp = std::nextafter(std::abs(near), std::numeric_limits<float>::infinity()) -
                       static_cast<double>(std::abs(near));
    worst = std::max(worst, std::abs(static_cast<double>(fast(x)) - wanted) / ulp);
  };
  for (int i = -30000; i <= 30000; ++i) look(static_cast<float>(i) * 1e-3F);
  for (float x = 1e-20F; x < 1; x *= 1.7F) {
    look(x);
    look(-x);
  }
  return worst;
}

}  // namespace

TEST_CASE("the vectorised functions are those of <cmath> to a few units in the last place") {
  CHECK(worst_ulps(fast_exp, [](double x) { return std::exp(x); }) <= 2);
  CHECK(worst_ulps(fast_sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }) <= 4);
  CHECK(worst_ulps(fast_tanh, [](double x) { return std::tanh(x); }) <= 3);
}

TEST_CASE("the vectorised functions end where floats do") {
  const float most = std::numeric_limits<float>::max();
  CHECK(fast_sigmoid(most) == 1.0F);
  CHECK(fast_sigmoid(-most) < 1e-37F);
  CHECK(fast_tanh(most) == 1.0F);
  CHECK(fast_tanh(-most) == -1.0F);
  CHECK(std::isnan(fast_sigmoid(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(fast_tanh(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace dl
