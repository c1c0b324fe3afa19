#include "engine/train/best.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

namespace dl {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("the best has the best metric, then the lower loss, then is the newer") {
  struct Row {
    std::string what;
    Judged now;
    std::optional<Judged> best;
    bool lower_is_better, expected;
  };
  const Row rows[] = {
      {"the first is", {0.1, 2.0}, {}, false, true},
      {"a higher accuracy is, whatever the loss", {0.2, 9.0}, Judged{0.1, 2.0}, false, true},
      {"a lower accuracy is not", {0.1, 1.0}, Judged{0.2, 2.0}, false, false},
      {"a lower loss is", {0.5, 0.5}, Judged{0.6, 0.6}, true, true},
      {"a higher loss is not", {0.7, 0.7}, Judged{0.6, 0.6}, true, false},
      {"an equal accuracy with a lower loss is", {0.15, 1.95}, Judged{0.15, 2.07}, false, true},
      {"an equal accuracy with a higher loss is not",
       {0.15, 2.1},
       Judged{0.15, 2.07},
       false,
       false},
      {"equal in both, the newer is", {0.15, 2.0}, Judged{0.15, 2.0}, false, true},
      {"equal losses, the newer is", {0.5, 0.5}, Judged{0.5, 0.5}, true, true},
      {"nan is not, even the first", {kNan, 1.0}, {}, false, false},
      {"infinity is not", {kInfinity, 1.0}, Judged{0.5, 1.0}, false, false},
      {"an equal accuracy with a loss that is nan is not",
       {0.15, kNan},
       Judged{0.15, 2},
       false,
       false},
      {"any loss is lower than one that is not known",
       {0.15, 3},
       Judged{0.15, kInfinity},
       false,
       true},
  };
  for (const Row& row : rows)
    CHECK_MESSAGE(is_best(row.now, row.best, row.lower_is_better) == row.expected, row.what);
}

TEST_CASE("train.stop counts again when the metric is better by more than min_delta") {
  struct Row {
    double now;
    std::optional<double> before;
    bool lower_is_better;
    double min_delta;
    bool expected;
  };
  const Row rows[] = {
      {0.58, {}, true, 0.5, true},     {0.306, 0.58, true, 0.5, false},
      {0.07, 0.58, true, 0.5, true},   {0.58, 0.58, true, 0, false},
      {0.579, 0.58, true, 0, true},    {0.9, 0.8, false, 0.05, true},
      {0.84, 0.8, false, 0.05, false}, {0.8, 0.8, false, 0, false},
      {kNan, 0.8, false, 0, false},    {kNan, {}, false, 0, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.now);
    CHECK(is_improvement(row.now, row.before, row.lower_is_better, row.min_delta) == row.expected);
  }
}

}  // namespace dl
