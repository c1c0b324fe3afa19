#include "engine/train/finite_weights.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"

namespace dl {
namespace {

/// "[3, 1, 0, 2]", counted from 0.
std::string place_text(std::size_t place, const Shape& shape) {
  std::vector<std::string> indices(shape.dims().size());
  for (std::size_t i = indices.size(); i-- > 0;) {
    const auto size = static_cast<std::size_t>(shape.dims()[i]);
    indices[i] = std::to_string(place % size);
    place /= size;
  }
  return "[" + join(indices, ", ") + "]";
}

}  // namespace

void expect_finite(std::span<const float> values, const Shape& shape, const std::string& label,
                   const std::string& name) {
  const auto at = std::ranges::find_if_not(values, [](float x) { return std::isfinite(x); });
  if (at == values.end()) return;
  const auto place = static_cast<std::size_t>(at - values.begin());
  throw UserError(ExitCode::weights,
                  label + ": '" + name + "' has a value that is not finite at " +
                      place_text(place, shape) + ": " + (std::isnan(*at) ? "NaN" : "infinity"),
                  "the training that made it diverged, or its numbers are too large for f32");
}

void expect_finite(const WeightStore& store, const std::string& label) {
  for (const StoredWeight& weight : store.weights())
    expect_finite(store.values(weight), weight.shape, label, weight.name);
}

}  // namespace dl
