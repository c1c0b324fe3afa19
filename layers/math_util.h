#pragma once

#include <bit>
#include <cstdint>

namespace dl {

/// e^x to 2 units in the last place, in code that compilers vectorise (std::exp is a call). Below
/// -87, where floats end, it stays at e^-87; NaN stays NaN.
inline float fast_exp(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to whole numbers
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float shifted = x * kLog2E + kMagic;
  const float n = shifted - kMagic;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float y = 1.9875691500e-4F;  // Cephes' expf
  y = y * r + 1.3981999507e-3F;
  y = y * r + 8.3334519073e-3F;
  y = y * r + 4.1665795894e-2F;
  y = y * r + 1.6666665459e-1F;
  y = y * r + 5.0000001201e-1F;
  y = y * r * r + r + 1.0F;
  // The low bits of `shifted` are n; as an exponent they are 2^n.
  const std::uint32_t power = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U;
  return y * std::bit_cast<float>(power);
}

}  // namespace dl
