#include "datasets/text_file.h"

#include <algorithm>

#include "datasets/data_file.h"
#include "engine/core/error.h"

namespace dl {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 32;  // of a text, unpacked
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

TextFile::TextFile(std::string path, const std::string& hint) : path_(std::move(path)) {
  text_ = DataFile(path_, hint).read_rest(kMaxBytes);
}

void TextFile::drop_mark() {
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
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
