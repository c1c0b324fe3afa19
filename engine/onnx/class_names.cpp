#include <cctype>
#include <cstdio>

#include "core/text.h"
#include "engine/onnx/preprocessing.h"

namespace dl {
namespace {

constexpr std::size_t kMostNames = 100'000, kLongestName = 1000;

/// Reads what Python prints of a dict or a list of strings, and the same in JSON. Anything else
/// ends it.
class NamesReader {
 public:
  explicit NamesReader(const std::string& text) : text_(text) {}

  std::vector<std::string> read() {
    skip_space();
    const bool dict = take('{');
    if (!dict && !take('[')) return {};
    std::vector<std::string> names;
    while (!take(dict ? '}' : ']')) {
      if (!names.empty() && !take(',')) return {};
      if (take(dict ? '}' : ']')) break;  // Python allows a comma behind the last
      std::string name;
      if ((dict && !take_key(names.size())) || !take_string(name)) return {};
      names.push_back(std::move(name));
      if (names.size() > kMostNames) return {};
    }
    return at_ == text_.size() ? names : std::vector<std::string>{};
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    skip_space();
    return true;
  }

  /// `0:` or `"0":`, in the order of the numbers.
  bool take_key(std::size_t number) {
    std::string key;
    if (!take_string(key)) {
      while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])))
        key += text_[at_++];
      skip_space();
    }
    return key == std::to_string(number) && take(':');
  }

  bool take_string(std::string& out) {
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return false;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (!take_letter(out) || out.size() > kLongestName) return false;
    }
    return take(quote);
  }

  bool take_letter(std::string& out) {
    if (text_[at_] != '\\') {
      const std::size_t length = utf8_length(std::string_view(text_).substr(at_));
      if (length == 0) return false;
      out += text_.substr(at_, length);
      at_ += length;
      return true;
    }
    if (++at_ >= text_.size()) return false;
    const char c = text_[at_++];
    if (c == 'x') return take_code(2, out);
    if (c == 'u') return take_code(4, out);
    constexpr std::string_view kLetters = "nrt", kMeanings = "\n\r\t";
    const std::size_t known = kLetters.find(c);
    if (known == std::string_view::npos && std::isalnum(static_cast<unsigned char>(c)))
      return false;
    out += known == std::string_view::npos ? c : kMeanings[known];
    return true;
  }

  /// A character by its number, below 0x10000.
  bool take_code(std::size_t digits, std::string& out) {
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      if (at_ >= text_.size() || !std::isxdigit(static_cast<unsigned char>(text_[at_])))
        return false;
      const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(text_[at_])));
      code = code * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0xD800 || code > 0xDFFF) {  // halves of pairs are none
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      return false;
    }
    return true;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string class_names_text(const std::vector<std::string>& names) {
  std::string text = "{";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(i) + ": \"";
    for (std::size_t at = 0; at < names[i].size();) {
      const std::size_t length = utf8_length(std::string_view(names[i]).substr(at));
      const auto first = static_cast<unsigned char>(names[i][at]);
      if (length == 0 || first < 0x20 || first == 0x7F) {
        char code[5];
        std::snprintf(code, sizeof code, "\\x%02x", first);
        text += code;
        ++at;
        continue;
      }
      if (first == '"' || first == '\\') text += '\\';
      text += names[i].substr(at, length);
      at += length;
    }
    text += '"';
  }
  return text + "}";
}

std::vector<std::string> read_class_names(const std::string& text) {
  return NamesReader(text).read();
}

}  // namespace dl
