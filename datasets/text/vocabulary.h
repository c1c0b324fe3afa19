#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

/// How often each token was seen.
class TokenCounts {
 public:
  void add(std::string_view token);
  /// All that were seen, sorted by their bytes: characters by their code points.
  std::vector<std::pair<std::string, std::int64_t>> sorted() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::array<std::int64_t, 256> bytes_{};  // tokens of one byte, which most characters are
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> longer_;
};

/// The numbers of a data spec's tokens.
class Vocabulary {
 public:
  /// A spec whose tokens are known.
  explicit Vocabulary(const DataSpec& spec);
  Vocabulary(const Vocabulary&) = delete;  // it is looked up in its own tokens
  Vocabulary& operator=(const Vocabulary&) = delete;

  std::size_t size() const { return tokens_.size(); }
  /// Of <unk>; -1: there is none.
  std::int32_t unknown() const { return unknown_; }
  /// That of <unk> for a token that is not there. Throws TextError when <unk> is not there either.
  std::int32_t number_of(std::string_view token, std::size_t offset) const;
  /// Of all tokens of a text. Throws TextError.
  std::vector<std::int32_t> encode(std::string text) const;

 private:
  [[noreturn]] void fail(std::string_view token, std::size_t offset) const;

  TokenRule rule_;
  std::vector<std::string> tokens_;
  std::array<std::int32_t, 256> bytes_;  // of tokens of one byte; -1: there is none
  std::unordered_map<std::string_view, std::int32_t> longer_;
  std::int32_t unknown_ = -1;
};

/// Numbers the tokens of a text, and counts those that become <unk> since the vocabulary lacks
/// them.
class TokenNumbers {
 public:
  explicit TokenNumbers(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// As Vocabulary::number_of().
  std::int32_t number_of(std::string_view token, std::size_t offset);
  /// "place: 12 of 430 words are not in the vocabulary and are read as <unk>", or nothing.
  void add_note(const std::string& place, TokenUnit unit, std::vector<std::string>& notes) const;

 private:
  const Vocabulary& vocabulary_;
  std::size_t total_ = 0, unknown_ = 0;
};

}  // namespace dl
