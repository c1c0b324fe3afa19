#include "datasets/text/tokenizer.h"

#include "core/text.h"
#include "datasets/text_file.h"

namespace dl {
namespace {

using Body = std::function<void(std::string_view, std::size_t)>;

/// White space that words are parted by; not that of the locale.
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Bytes of the character at `offset`.
std::size_t character_length(std::string_view text, std::size_t offset) {
  const std::size_t length = utf8_length(text.substr(offset, 4));
  if (length > 0) return length;
  static constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(text[offset]);
  throw TextError(
      offset, std::string("the byte 0x") + kHex[byte >> 4] + kHex[byte & 15] + " is not UTF-8 here",
      "convert the text to UTF-8; unit: byte, in the source, takes any bytes");
}

void for_each_character(std::string_view text, const Body& body) {
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    length = character_length(text, i);
    body(text.substr(i, length), i);
  }
}

void for_each_word(std::string_view text, bool line_ends, const Body& body) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t begin = i;
    while (i < text.size() && !is_blank(text[i])) i += character_length(text, i);
    if (i > begin) body(text.substr(begin, i - begin), begin);
    if (i == text.size()) break;
    if (line_ends && text[i] == '\n') body(kLineEndToken, i);
    ++i;
  }
  // The last line ends too, whether the file says so or not.
  if (line_ends && !text.empty() && text.back() != '\n') body(kLineEndToken, text.size());
}

}  // namespace

void fold_case(std::string& text, const TokenRule& rule) {
  if (!rule.lowercase) return;
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

void for_each_token(std::string_view text, const TokenRule& rule, const Body& body) {
  switch (rule.unit) {
    case TokenUnit::character:
      return for_each_character(text, body);
    case TokenUnit::byte:
      for (std::size_t i = 0; i < text.size(); ++i) body(text.substr(i, 1), i);
      return;
    case TokenUnit::word:
      return for_each_word(text, rule.line_ends, body);
  }
}

std::string_view unit_name(TokenUnit unit) {
  return unit == TokenUnit::character ? "character" : unit == TokenUnit::byte ? "byte" : "word";
}

}  // namespace dl
