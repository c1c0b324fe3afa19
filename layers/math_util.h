#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace dl {

// Functions in code that compilers vectorise, where those of <cmath> are calls.

/// e^x to 2 units in the last place. Below -87, where floats end, it stays at e^-87; NaN
/// stays NaN.
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

/// 1 / (1 + e^-x) to 4 units in the last place.
inline float fast_sigmoid(float x) { return 1.0F / (1.0F + fast_exp(-x)); }

/// tanh(x), to 3 units in the last place.
inline float fast_tanh(float x) {
  const float z = x * x;
  float y = -5.70498872745e-3F;  // Cephes' tanhf, for |x| < 0.625
  y = y * z + 2.06390887954e-2F;
  y = y * z - 5.37397155531e-2F;
  y = y * z + 1.33314422036e-1F;
  y = y * z - 3.33332819422e-1F;
  const float small = y * z * x + x;
  const float magnitude = 1.0F - 2.0F / (fast_exp(2.0F * std::abs(x)) + 1.0F);
  return std::abs(x) < 0.625F ? small : std::copysign(magnitude, x);
}

/// log(1 + u) for u in 0..1, with its relative precision where u is small (after Kahan).
inline float fast_log1p(float u) {
  const float w = 1.0F + u;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(w);
  // w = 2^exponent m with m in sqrt(1/2)..sqrt(2)
  const std::int32_t exponent = static_cast<std::int32_t>(bits - 0x3f3504f3U) >> 23;
  const float f = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0F;
  float y = 7.0376836292e-2F;  // Cephes' logf
  y = y * f - 1.1514610310e-1F;
  y = y * f + 1.1676998740e-1F;
  y = y * f - 1.2420140846e-1F;
  y = y * f + 1.4249322787e-1F;
  y = y * f - 1.6668057665e-1F;
  y = y * f + 2.0000714765e-1F;
  y = y * f - 2.4999993993e-1F;
  y = y * f + 3.3333331174e-1F;
  const float z = f * f;
  const float n = static_cast<float>(exponent);
  const float log_w = f + (y * f * z - 2.12194440e-4F * n - 0.5F * z) + 0.693359375F * n;
  const float d = w - 1.0F;  // what of u was left in w
  return d == 0.0F ? u : log_w * (u / d);
}

}  // namespace dl
