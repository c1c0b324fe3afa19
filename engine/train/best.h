#pragma once

#include <limits>
#include <optional>

namespace dl {

/// Of a split that has none: any loss is lower.
inline constexpr double kNoLoss = std::numeric_limits<double>::infinity();

/// What an epoch's evaluation says: the monitored metric, and the loss of the same split.
struct Judged {
  double value = 0;
  double loss = 0;
};

/// Whether `now` is the best so far: its metric is better, or equal with a loss that is lower, or
/// equal in both, since then the newer one has been trained longer. What is not finite never is.
bool is_best(const Judged& now, const std::optional<Judged>& best, bool lower_is_better);

/// Whether train.stop begins to count again: the metric is better by more than `min_delta`.
bool is_improvement(double now, std::optional<double> before, bool lower_is_better,
                    double min_delta);

}  // namespace dl
