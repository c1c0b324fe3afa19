#pragma once

#include <zlib.h>

#include <vector>

namespace dl {

/// The CRC-32 of what `crc` is of and these numbers after it. (Asked about a null pointer zlib
/// starts anew, and that is what an empty vector may have.)
template <class Number>
unsigned long checksum(unsigned long crc, const std::vector<Number>& numbers) {
  if (numbers.empty()) return crc;
  return crc32_z(crc, reinterpret_cast<const Bytef*>(numbers.data()),
                 numbers.size() * sizeof(Number));
}

}  // namespace dl
