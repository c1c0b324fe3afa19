#include "datasets/text_file.h"

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "datasets/data_file.h"

namespace dl {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 32;  // of a text, unpacked
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xE000; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto push = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  const auto follow = [&](int shift) { push(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    push(0xE0 | code >> 12);
    follow(6);
  } else {
    push(0xF0 | code >> 18);
    follow(12);
    follow(6);
  }
  follow(0);
}

/// Throws TextError at the byte where `text`, which begins with a mark, stops being UTF-16.
std::string from_utf16(std::string_view text, bool little_endian) {
  const auto unit_at = [&](std::size_t at) -> std::uint32_t {
    const auto first = static_cast<unsigned char>(text[at]);
    const auto second = static_cast<unsigned char>(text[at + 1]);
    return little_endian ? second << 8 | first : first << 8 | second;
  };
  std::string out;
  for (std::size_t at = 2; at < text.size(); at += 2) {
    if (at + 1 == text.size()) throw TextError(at, "the text, UTF-16, ends with half a character");
    std::uint32_t code = unit_at(at);
    if (is_surrogate(code)) {
      const bool paired = code < 0xDC00 && at + 3 < text.size() && is_surrogate(unit_at(at + 2)) &&
                          unit_at(at + 2) >= 0xDC00;
      if (!paired) throw TextError(at, "this is not UTF-16, as the file's first bytes say");
      code = 0x10000 + ((code - 0xD800) << 10) + (unit_at(at + 2) - 0xDC00);
      at += 2;
    }
    append_utf8(out, code);
  }
  return out;
}

}  // namespace

TextFile::TextFile(std::string path, const std::string& hint) : path_(std::move(path)) {
  text_ = DataFile(path_, hint).read_rest(kMaxBytes);
}

void TextFile::make_utf8() {
  using namespace std::string_view_literals;
  const auto refuse = [&](const std::string& what, const std::string& name) {
    throw UserError(ExitCode::data, path_ + ": " + what,
                    "iconv -f " + name + " -t utf-8 FILE > NEW_FILE converts it");
  };
  const std::string_view front = std::string_view(text_).substr(0, 4);
  if (front.starts_with(kByteOrderMark)) {
    text_.erase(0, kByteOrderMark.size());
  } else if (front == "\xFF\xFE\0\0"sv || front == "\0\0\xFE\xFF"sv) {
    refuse("is UTF-32, expected UTF-8", "utf-32");
  } else if (front.starts_with("\xFF\xFE") || front.starts_with("\xFE\xFF")) {
    try {
      text_ = from_utf16(text_, front[0] == '\xFF');
    } catch (const TextError& error) {
      throw UserError(ExitCode::data,
                      path_ + ": byte " + std::to_string(error.offset()) + ": " + error.what());
    }
  } else if (front.size() >= 2 && (front[0] == '\0') != (front[1] == '\0')) {
    refuse("is UTF-16 without a byte order mark, expected UTF-8",
           front[0] == '\0' ? "utf-16be" : "utf-16le");
  }
}

std::string TextFile::place(std::size_t offset) const {
  const std::string_view before = text().substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return path_ + ":" + std::to_string(line) + ":" + std::to_string(offset - start + 1);
}

void TextFile::fail(const TextError& error) const {
  throw UserError(ExitCode::data, place(error.offset()) + ": " + error.what(), error.hint());
}

}  // namespace dl
