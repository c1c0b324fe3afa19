#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace dl {

/// Numbers of tokens, one after the other, each in one byte where the vocabulary is that small,
/// else in two.
class TokenIds {
 public:
  explicit TokenIds(std::size_t vocabulary);

  void add(std::int32_t id);
  void shrink_to_fit();
  std::size_t size() const;
  /// Writes those from `first` on.
  void copy(std::size_t first, std::span<std::int32_t> out) const;
  /// Of all of them.
  std::uint32_t crc32() const;

 private:
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>> ids_;
};

}  // namespace dl
