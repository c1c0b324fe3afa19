#include "datasets/series/ts_file.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/text.h"
#include "datasets/text_file.h"

namespace dl {
namespace {

/// A piece of the text and where it begins.
struct Piece {
  std::string_view text;
  std::size_t offset = 0;
};

Piece trimmed(Piece piece) {
  const std::size_t begin = piece.text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {{}, piece.offset};
  const std::size_t end = piece.text.find_last_not_of(" \t\r") + 1;
  return {piece.text.substr(begin, end - begin), piece.offset + begin};
}

/// Cuts off what stands before the separator, or all.
Piece take_until(Piece& rest, char separator) {
  const std::size_t end = std::min(rest.text.find(separator), rest.text.size());
  const Piece piece{rest.text.substr(0, end), rest.offset};
  const std::size_t next = std::min(end + 1, rest.text.size());
  rest = {rest.text.substr(next), rest.offset + next};
  return piece;
}

/// The words of a line, the first in small letters.
std::vector<Piece> words_of(Piece line) {
  std::vector<Piece> words;
  while (!line.text.empty()) {
    const std::size_t end = std::min(line.text.find_first_of(" \t"), line.text.size());
    words.push_back({line.text.substr(0, end), line.offset});
    line = trimmed({line.text.substr(end), line.offset + end});
  }
  return words;
}

std::string small_letters(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

/// "?", and what NumPy and others write.
bool is_unknown(std::string_view text) {
  if (text == "?") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  return small_letters(text) == "nan";
}

std::string cut(std::string_view text) {
  constexpr std::size_t kShown = 40;
  return "'" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...'" : "'");
}

class TsReader {
 public:
  TsReader(TsFile& file, std::string_view text, TsMissing missing)
      : file_(file), text_(text), missing_(missing) {}

  void read() {
    Piece rest{text_, 0};
    bool in_data = false;
    while (!rest.text.empty()) {
      ++line_;
      line_start_ = rest.offset;
      const Piece line = trimmed(take_until(rest, '\n'));
      if (line.text.empty() || line.text.starts_with('#')) continue;
      if (in_data) {
        read_series(line);
      } else {
        in_data = read_header(line);
      }
    }
    if (!in_data) throw TextError(text_.size(), "the file ends without a line @data");
    if (file_.series.empty()) throw TextError(text_.size(), "there are no series after @data");
  }

 private:
  /// True at @data.
  bool read_header(Piece line) {
    const std::vector<Piece> words = words_of(line);
    const std::string key = small_letters(words[0].text);
    if (!key.starts_with('@')) {
      throw TextError(line.offset,
                      cut(line.text) + " before @data; expected a line that begins with @",
                      "is it a file of the UCR/UEA archive's format (.ts)?");
    }
    if (key == "@data") return true;
    if (key == "@timestamps" && read_flag(words))
      throw TextError(words[1].offset,
                      "series with time stamps are not read; only evenly spaced ones");
    if (key == "@dimensions" || key == "@dimension") read_dimensions(words);
    if (key == "@equallength") equal_length_ = read_flag(words);
    if (key == "@serieslength") read_length(words);
    if (key == "@classlabel" && read_flag(words)) read_classes(words);
    if (key == "@targetlabel" && read_flag(words)) file_.regression = true;
    if (file_.labelled && file_.regression)
      throw TextError(line.offset,
                      "both @classLabel and @targetLabel; a series ends with one of them");
    return false;
  }

  static bool read_flag(const std::vector<Piece>& words) {
    const std::string said = words.size() > 1 ? small_letters(words[1].text) : "";
    if (said == "true" || said == "false") return said == "true";
    const Piece& at = words.size() > 1 ? words[1] : words[0];
    throw TextError(at.offset, std::string(words[0].text) + ": expected true or false" +
                                   (said.empty() ? "" : ", found " + cut(at.text)));
  }

  void read_dimensions(const std::vector<Piece>& words) {
    const auto said = words.size() == 2 ? parse_int(words[1].text) : std::nullopt;
    if (!said || *said < 1 || *said > 65536)
      throw TextError(words.back().offset, "@dimensions: expected their number, 1 to 65536");
    file_.dimensions = static_cast<std::size_t>(*said);
  }

  void read_length(const std::vector<Piece>& words) {
    const auto said = words.size() == 2 ? parse_int(words[1].text) : std::nullopt;
    length_ = static_cast<std::size_t>(std::max<std::int64_t>(said.value_or(0), 0));
  }

  void read_classes(const std::vector<Piece>& words) {
    file_.labelled = true;
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::string name(words[i].text);
      if (std::ranges::find(file_.classes, name) != file_.classes.end())
        throw TextError(words[i].offset, "@classLabel: '" + name + "' stands here twice");
      file_.classes.push_back(name);
    }
    if (file_.classes.empty())
      throw TextError(words[1].offset, "@classLabel true: the classes' names should follow");
  }

  void read_series(Piece line) {
    TsSeries series{.first = file_.values.size(), .line = line_, .column = 1};
    columns_.clear();
    std::vector<Piece> parts;
    while (true) {
      const bool last = line.text.find(':') == std::string_view::npos;
      parts.push_back(trimmed(take_until(line, ':')));
      if (last) break;
    }
    if (file_.labelled || file_.regression) {
      if (parts.size() < 2)
        throw TextError(parts[0].offset, "this series has no ':' and a label at its end");
      read_target(parts.back(), series);
      parts.pop_back();
    }
    if (file_.dimensions == 0) file_.dimensions = parts.size();
    if (parts.size() != file_.dimensions) {
      throw TextError(parts[0].offset, "this series has " + std::to_string(parts.size()) +
                                           (parts.size() == 1 ? " dimension" : " dimensions") +
                                           ", expected " + std::to_string(file_.dimensions));
    }
    for (const Piece& part : parts) read_dimension(part, series);
    check_length(parts[0].offset, series.length);
    for (std::size_t step = 0; step < series.length; ++step) {
      for (const auto& column : columns_) file_.values.push_back(column[step]);
    }
    file_.series.push_back(std::move(series));
  }

  /// A header may say that all series are equally long, and how long they are.
  void check_length(std::size_t offset, std::size_t length) const {
    if (!equal_length_) return;
    const std::size_t expected = length_ > 0            ? length_
                                 : file_.series.empty() ? length
                                                        : file_.series[0].length;
    if (length == expected) return;
    throw TextError(offset,
                    "this series has " + std::to_string(length) +
                        (length == 1 ? " step" : " steps") + ", expected " +
                        std::to_string(expected) +
                        (length_ > 0 ? " as @seriesLength says" : " as the first has"),
                    "@equalLength false says that series differ in length");
  }

  void read_target(const Piece& part, TsSeries& series) const {
    series.column = part.offset - line_start_ + 1;
    series.target = std::numeric_limits<double>::quiet_NaN();
    if (part.text.empty()) throw TextError(part.offset, "the label is missing");
    if (part.text == "?" || (file_.regression && is_unknown(part.text))) return;
    if (file_.regression) {
      const auto target = parse_double(part.text);
      if (!target || !(std::abs(*target) <= std::numeric_limits<float>::max()))
        throw TextError(part.offset, "expected a number as the target, found " + cut(part.text));
      series.target = *target;
      return;
    }
    series.label = std::string(part.text);
    if (std::ranges::find(file_.classes, series.label) == file_.classes.end()) {
      throw TextError(part.offset, cut(part.text) + " is none of the classes of @classLabel" +
                                       did_you_mean(part.text, file_.classes));
    }
  }

  void read_dimension(Piece part, TsSeries& series) {
    const std::size_t begin = part.offset;
    std::vector<float>& column = columns_.emplace_back();
    if (part.text.starts_with('('))
      throw TextError(begin, "series with time stamps are not read; only evenly spaced ones");
    while (true) {
      const bool last = part.text.find(',') == std::string_view::npos;
      column.push_back(read_value(trimmed(take_until(part, ',')), column));
      if (last) break;
    }
    if (std::ranges::all_of(column, [](float x) { return std::isnan(x); }))
      throw TextError(begin, "a dimension without a single value");
    const auto known = std::ranges::find_if(column, [](float x) { return !std::isnan(x); });
    std::fill(column.begin(), known, *known);  // nothing is previous at the beginning
    if (columns_.size() == 1) series.length = column.size();
    if (column.size() != series.length) {
      throw TextError(begin, "dimension " + std::to_string(columns_.size()) + " has " +
                                 std::to_string(column.size()) + " values, the first has " +
                                 std::to_string(series.length));
    }
  }

  float read_value(const Piece& piece, const std::vector<float>& before) const {
    if (is_unknown(piece.text)) {
      if (missing_ == TsMissing::error)
        throw TextError(piece.offset, "a value is missing",
                        "missing: previous, in the source, takes the value before it");
      return before.empty() ? std::numeric_limits<float>::quiet_NaN() : before.back();
    }
    const auto value = parse_double(piece.text);
    if (!value || !(std::abs(*value) <= std::numeric_limits<float>::max()))
      throw TextError(piece.offset, "expected a number, found " + cut(piece.text));
    return static_cast<float>(*value);
  }

  TsFile& file_;
  std::string_view text_;
  TsMissing missing_;
  std::size_t line_ = 0, line_start_ = 0;
  bool equal_length_ = false;
  std::size_t length_ = 0;                   // what the header says; 0: nothing
  std::vector<std::vector<float>> columns_;  // of the series: a dimension each
};

}  // namespace

std::size_t TsFile::longest() const {
  std::size_t longest = 0;
  for (const TsSeries& one : series) longest = std::max(longest, one.length);
  return longest;
}

TsFile read_ts_file(const std::string& path, TsMissing missing, const std::string& hint) {
  TextFile text(path, hint);
  text.make_utf8();
  TsFile file;
  file.path = path;
  text.with_place([&](std::string_view all) { TsReader(file, all, missing).read(); });
  return file;
}

}  // namespace dl
