#include "engine/train/best.h"

#include <cmath>

namespace dl {

bool is_best(const Judged& now, const std::optional<Judged>& best, bool lower_is_better) {
  if (!std::isfinite(now.value)) return false;
  if (!best) return true;
  if (now.value != best->value) return (now.value < best->value) == lower_is_better;
  if (!std::isfinite(now.loss)) return !std::isfinite(best->loss);
  return !(now.loss > best->loss);
}

bool is_improvement(double now, std::optional<double> before, bool lower_is_better,
                    double min_delta) {
  if (!std::isfinite(now)) return false;
  if (!before) return true;
  return lower_is_better ? now < *before - min_delta : now > *before + min_delta;
}

}  // namespace dl
