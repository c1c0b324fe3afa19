#include "engine/formats/float_formats.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace dl {
namespace {

/// Of 16 bits: 1 sign, 5 exponent, 10 fraction.
float from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU, fraction = bits & 0x3FFU;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

float from_bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <class T, class Convert>
std::vector<float> converted(std::span<const std::byte> bytes, const Convert& convert) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(value);
  }
  return values;
}

}  // namespace

std::vector<float> read_floats(FloatFormat format, std::span<const std::byte> bytes) {
  switch (format) {
    case FloatFormat::f16:
      return converted<std::uint16_t>(bytes, from_half);
    case FloatFormat::bf16:
      return converted<std::uint16_t>(bytes, from_bfloat);
    case FloatFormat::f64:
      return converted<double>(bytes, [](double value) { return static_cast<float>(value); });
    case FloatFormat::f32:
      break;
  }
  return converted<float>(bytes, [](float value) { return value; });
}

}  // namespace dl
