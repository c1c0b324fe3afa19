#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dl {

/// How files store real numbers, little-endian.
enum class FloatFormat { f16, bf16, f32, f64 };

/// The numbers in `bytes`, which are whole ones of the format; f64 is rounded.
std::vector<float> read_floats(FloatFormat format, std::span<const std::byte> bytes);

}  // namespace dl
