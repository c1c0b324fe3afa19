#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dl {

/// Something is wrong with a text, at one of its bytes. Thrown by those who do not know where the
/// text comes from; whoever knows adds that.
class TextError : public std::runtime_error {
 public:
  TextError(std::size_t offset, const std::string& message, std::string hint = {})
      : std::runtime_error(message), offset_(offset), hint_(std::move(hint)) {}
  std::size_t offset() const { return offset_; }
  const std::string& hint() const { return hint_; }

 private:
  std::size_t offset_;
  std::string hint_;
};

/// A text file in memory.
class TextFile {
 public:
  /// Reads it, plain or gzip. Throws UserError (ExitCode::data); `hint` says how to come by it.
  explicit TextFile(std::string path, const std::string& hint = {});

  const std::string& path() const { return path_; }
  std::string& text() { return text_; }
  std::string_view text() const { return text_; }
  /// Makes the text UTF-8 without a byte order mark: that of UTF-8 is none of the characters, and
  /// text behind that of UTF-16 (Excel's "Unicode text") is converted. Throws UserError
  /// (ExitCode::data) for UTF-16 without a mark and for UTF-32.
  void make_utf8();

  /// "corpus.txt:12:3": line and column, from 1, the column in bytes.
  std::string place(std::size_t offset) const;
  /// Runs `act` on the text; what it throws becomes a UserError (ExitCode::data) with the place.
  template <class Act>
  void with_place(const Act& act) const {
    try {
      act(text());
    } catch (const TextError& error) {
      fail(error);
    }
  }

 private:
  [[noreturn]] void fail(const TextError& error) const;

  std::string path_;
  std::string text_;
};

}  // namespace dl
