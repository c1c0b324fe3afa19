#pragma once

#include <cstdint>
#include <vector>

namespace dl::test {

/// The number at `index` of the test tensor `salt`, in [-1, 1): the same formula as
/// tests/goldens/formula.py, so that both sides compute weights and batches, and goldens stay
/// small.
inline float formula(std::uint32_t salt, std::uint32_t index) {
  std::uint32_t x = index * 2654435761U + salt * 2246822519U;
  x ^= x >> 15;
  x *= 2246822519U;
  x ^= x >> 13;
  x *= 3266489917U;
  x ^= x >> 16;
  return static_cast<float>(x >> 8) * 0x1p-23F - 1.0F;
}

/// `count` numbers of tensor `salt`, times `scale`.
inline std::vector<float> formula_tensor(std::uint32_t salt, std::size_t count,
                                         float scale = 1.0F) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = formula(salt, static_cast<std::uint32_t>(i)) * scale;
  return values;
}

}  // namespace dl::test
