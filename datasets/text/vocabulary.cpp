#include "datasets/text/vocabulary.h"

#include <algorithm>
#include <cstdio>

#include "datasets/text/tokenizer.h"
#include "datasets/text_file.h"

namespace dl {
namespace {

std::size_t byte_of(std::string_view token) { return static_cast<unsigned char>(token[0]); }

/// "U+00E9": for characters that look like others, or like nothing.
std::string code_point_text(std::string_view character) {
  const auto lead = static_cast<unsigned>(byte_of(character));
  unsigned code = character.size() == 1 ? lead : lead & (0x7FU >> character.size());
  for (const char c : character.substr(1)) code = code << 6 | (static_cast<unsigned>(c) & 0x3FU);
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", code);
  return text;
}

}  // namespace

void TokenCounts::add(std::string_view token) {
  if (token.size() == 1) {
    ++bytes_[byte_of(token)];
    return;
  }
  const auto at = longer_.find(token);
  if (at == longer_.end()) {
    longer_.emplace(token, 1);
  } else {
    ++at->second;
  }
}

std::vector<std::pair<std::string, std::int64_t>> TokenCounts::sorted() const {
  std::vector<std::pair<std::string, std::int64_t>> all(longer_.begin(), longer_.end());
  for (std::size_t byte = 0; byte < bytes_.size(); ++byte) {
    if (bytes_[byte] > 0) all.emplace_back(std::string(1, static_cast<char>(byte)), bytes_[byte]);
  }
  std::ranges::sort(all);
  return all;
}

Vocabulary::Vocabulary(const DataSpec& spec) : rule_(*spec.token_rule), tokens_(spec.tokens) {
  bytes_.fill(-1);
  longer_.reserve(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    if (tokens_[i] == kUnknownToken) unknown_ = number;
    if (tokens_[i].size() == 1) {
      bytes_[byte_of(tokens_[i])] = number;
    } else {
      longer_.emplace(tokens_[i], number);
    }
  }
}

std::int32_t Vocabulary::number_of(std::string_view token, std::size_t offset) const {
  std::int32_t number = unknown_;
  if (token.size() == 1) {
    const std::int32_t known = bytes_[byte_of(token)];
    if (known >= 0) number = known;
  } else if (const auto at = longer_.find(token); at != longer_.end()) {
    number = at->second;
  }
  if (number < 0) fail(token, offset);
  return number;
}

void Vocabulary::fail(std::string_view token, std::size_t offset) const {
  const std::string text(token);
  if (rule_.unit == TokenUnit::word) {
    throw TextError(offset, "the word '" + text + "' is not in the vocabulary",
                    "<unk> in the vocabulary would stand for such words");
  }
  throw TextError(
      offset,
      "the character '" + text + "' (" + code_point_text(token) + ") is not in the vocabulary",
      "the vocabulary is that of train; unknown: token, in the source, takes such "
      "characters for <unk>");
}

std::vector<std::int32_t> Vocabulary::encode(std::string text) const {
  fold_case(text, rule_);
  std::vector<std::int32_t> numbers;
  for_each_token(text, rule_, [&](std::string_view token, std::size_t offset) {
    numbers.push_back(number_of(token, offset));
  });
  return numbers;
}

std::int32_t TokenNumbers::number_of(std::string_view token, std::size_t offset) {
  const std::int32_t number = vocabulary_.number_of(token, offset);
  ++total_;
  if (number == vocabulary_.unknown() && token != kUnknownToken) ++unknown_;
  return number;
}

void TokenNumbers::add_note(const std::string& place, TokenUnit unit,
                            std::vector<std::string>& notes) const {
  if (unknown_ == 0) return;
  notes.push_back(place + ": " + std::to_string(unknown_) + " of " + std::to_string(total_) + " " +
                  std::string(unit_name(unit)) + "s are not in the vocabulary and are read as " +
                  std::string(kUnknownToken));
}

}  // namespace dl
