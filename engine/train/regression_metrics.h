#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace dl {

/// Sums over the values of one output, from which its R2 is made. They are updated value by value,
/// so that how the values were cut into batches changes no bit.
struct OutputSums {
  double mean = 0;     // of the targets
  double spread = 0;   // sum of the squares of their distances from it
  double squared = 0;  // sum of the squared errors
  bool operator==(const OutputSums&) const = default;
};
/// Adds the value that is number `count` of its output, from 1.
void add_value(OutputSums& sums, double target, double error, std::int64_t count);

/// The mean over the outputs of 1 - squared errors / spread of the targets, as scikit-learn's
/// r2_score has it: an output whose targets are all equal has 1 where every error is 0, else 0.
/// None: fewer than two values of each.
std::optional<double> r2_score(std::span<const OutputSums> outputs, std::int64_t count);

}  // namespace dl
