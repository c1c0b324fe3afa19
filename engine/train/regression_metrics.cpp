#include "engine/train/regression_metrics.h"

namespace dl {

void add_value(OutputSums& sums, double target, double error, std::int64_t count) {
  const double difference = target - sums.mean;  // Welford 1962
  sums.mean += difference / static_cast<double>(count);
  sums.spread += difference * (target - sums.mean);
  sums.squared += error * error;
}

std::optional<double> r2_score(std::span<const OutputSums> outputs, std::int64_t count) {
  if (count < 2 || outputs.empty()) return std::nullopt;
  double sum = 0;
  for (const OutputSums& output : outputs) {
    const double constant = output.squared == 0 ? 1.0 : 0.0;
    sum += output.spread == 0 ? constant : 1.0 - output.squared / output.spread;
  }
  return sum / static_cast<double>(outputs.size());
}

}  // namespace dl
