#include "core/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <utility>

namespace dl {
namespace {

constexpr std::size_t kLongestCompared = 64;  // an edit distance takes the product of two lengths

/// The code point of one UTF-8 character.
char32_t code_point(std::string_view character) {
  constexpr unsigned char kLead[] = {0x7F, 0x1F, 0x0F, 0x07};
  char32_t code = static_cast<unsigned char>(character[0]) & kLead[character.size() - 1];
  for (const char c : character.substr(1))
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3F);
  return code;
}

/// C0, DEL and C1.
bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

/// What a terminal obeys or does not show, so that a line is not what it seems to be: Unicode's
/// categories Cc (control), Cf (format: directions of writing, joiners, tags), Zl and Zp (ends of
/// lines and paragraphs).
bool is_hidden(std::string_view character) {
  static constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x00AD, 0x00AD},   {0x0600, 0x0605},   {0x061C, 0x061C},   {0x06DD, 0x06DD},
      {0x070F, 0x070F},   {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x180E, 0x180E},
      {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},   {0xFEFF, 0xFEFF},
      {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F},
      {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE007F}};
  const char32_t code = code_point(character);
  const auto holds = [&](const auto& range) { return code >= range.first && code <= range.second; };
  return is_control(code) || std::ranges::any_of(kRanges, holds);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment: a swap of neighbours counts once.
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

/// What stays the same where tools write a name in their own ways: BatchNorm2d, batch_norm.
std::string bare_name(std::string_view name) {
  std::string bare;
  for (const char c : lower_case(name)) {
    if (c != '_' && c != '-' && c != ' ') bare += c;
  }
  constexpr std::string_view kEndings[] = {"1d", "2d", "3d", "layer", "loss", "lr"};
  for (bool cut = true; cut;) {
    cut = false;
    for (const std::string_view ending : kEndings) {
      if (bare.size() <= ending.size() || !bare.ends_with(ending)) continue;
      bare.resize(bare.size() - ending.size());
      cut = true;
    }
  }
  return bare;
}

template <class T>
std::string shortest(T value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (length == 3 && lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (length == 3 && lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
  if (length == 4 && lead == 0xF0 && byte(1) < 0x90) return 0;
  if (length == 4 && lead == 0xF4 && byte(1) >= 0x90) return 0;
  return length;
}

bool is_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || (is_control(code_point(text.substr(0, length))) && text[0] != '\t'))
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string escaped(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    const bool printable = length > 0 && !is_hidden(text.substr(0, length));
    length = std::max<std::size_t>(length, 1);
    for (std::size_t i = 0; i < length; ++i) {
      if (printable || text[i] == '\t') {
        out += text[i] == '\t' ? ' ' : text[i];
      } else {
        const auto byte = static_cast<unsigned char>(text[i]);
        out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      }
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string escaped_lines(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t end = text.find('\n');
    out += escaped(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

void print_if_possible(std::FILE* stream, std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string number_text(double value) { return shortest(value); }
std::string number_text(float value) { return shortest(value); }

std::optional<std::int64_t> parse_int(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<double> parse_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text == ".inf") return std::numeric_limits<double>::infinity();
  if (text == "-.inf") return -std::numeric_limits<double>::infinity();
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() ||
      !(std::isdigit(static_cast<unsigned char>(digits[0])) || digits[0] == '.')) {
    return std::nullopt;  // from_chars would take "inf" and "nan" too
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc()) return value;
  // Out of range: strtod() alone tells what is too small, and is then as good as 0, from what is
  // too large. It reads the same text as from_chars() did.
  const double nearest = std::strtod(std::string(text).c_str(), nullptr);
  return std::abs(nearest) < 1 ? std::optional(nearest) : std::nullopt;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  if (word.size() > kLongestCompared) return std::nullopt;
  const std::size_t limit = word.size() < 2 ? 1 : std::max<std::size_t>(1, word.size() / 3) + 1;
  std::pair best(limit, std::size_t{0});  // that of equal ones whose letters have the case, too
  std::optional<std::string> found;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestCompared) continue;
    const std::pair distance(edit_distance(lower_case(word), lower_case(candidate)),
                             edit_distance(word, candidate));
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const auto found = nearest(word, candidates);
  return found ? "; did you mean '" + *found + "'?" : "";
}

std::optional<std::string> known_elsewhere(std::string_view word, std::span<const Word> words) {
  const std::string bare = bare_name(word);
  for (const Word& candidate : words) {
    if (bare_name(candidate.name) == bare) return candidate.name;
  }
  for (const Word& candidate : words) {
    const bool same = std::ranges::any_of(
        candidate.others, [&](const std::string& other) { return bare_name(other) == bare; });
    if (same) return candidate.name;
  }
  return std::nullopt;
}

std::string did_you_mean(std::string_view word, std::span<const Word> words) {
  if (const auto found = known_elsewhere(word, words)) return "; did you mean '" + *found + "'?";
  std::vector<std::string> names;
  for (const Word& candidate : words) names.push_back(candidate.name);
  return did_you_mean(word, names);
}

std::vector<std::string> nearest_first(std::string_view word,
                                       std::span<const std::string> candidates) {
  std::vector<std::pair<std::size_t, std::string>> all;
  const std::string wanted = lower_case(word.substr(0, kLongestCompared));
  for (const std::string& candidate : candidates) {
    const std::string given = lower_case(std::string_view(candidate).substr(0, kLongestCompared));
    all.emplace_back(edit_distance(wanted, given), candidate);
  }
  std::ranges::stable_sort(all, {}, &std::pair<std::size_t, std::string>::first);
  std::vector<std::string> names;
  for (auto& [distance, name] : all) names.push_back(std::move(name));
  return names;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@=";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

}  // namespace dl
