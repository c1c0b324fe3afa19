#include "datasets/tables/csv_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/text.h"
#include "datasets/tables/counted.h"

namespace dl {
namespace {

constexpr const char* kDecimalPoint =
    "numbers are written 1234.5: with a decimal point, and nothing between thousands";

constexpr std::size_t kMaxColumns = 65536;
constexpr std::size_t kShown = 40;  // bytes of a field in a message

/// Where the text stops being UTF-8 or holds a zero byte; its size when it is all well.
std::size_t first_bad_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text.substr(at, 4));
    if (length == 0 || text[at] == '\0') return at;
    at += length;
  }
  return at;
}

/// For a column that is not there: those that are, the most likely ones first.
std::string listed_columns(std::string_view column, std::span<const std::string> columns) {
  constexpr std::size_t kMost = 12;
  std::vector<std::string> names = nearest_first(column, columns);
  const bool cut = names.size() > kMost;
  if (cut) names.resize(kMost);
  return "its columns: " + join(names, ", ") +
         (cut ? ", ... (" + std::to_string(columns.size()) + ")" : "");
}

}  // namespace

std::string_view CsvField::word() const {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

CsvFile::CsvFile(std::string path, CsvFormat format, const std::string& hint)
    : file_(std::move(path), hint), format_(format), separator_(format.separator) {
  file_.make_utf8();
  text_ = file_.text();
  check_bytes();
  read_separator_line();
  quote_ = format_.quote.value_or(separator_ == '\t' ? '\0' : '"');
  pass_empty_lines();
  read_header(format_.header);
}

void CsvFile::check_bytes() const {
  const std::size_t bad = first_bad_byte(text_);
  if (bad == text_.size()) return;
  fail_at(bad, text_[bad] == '\0' ? "a zero byte: this is no text" : "this byte is no UTF-8",
          "iconv -f latin1 -t utf-8 turns a file of Western European letters into UTF-8");
}

/// Excel's first line, which is no row: `sep=;`.
void CsvFile::read_separator_line() {
  constexpr std::string_view kKey = "sep=";
  if (!text_.starts_with(kKey) || text_.size() == kKey.size()) return;
  const char found = text_[kKey.size()];
  at_ = kKey.size() + 1;
  if (at_ < text_.size() && !at_line_end()) {
    at_ = 0;  // a column of that name
    return;
  }
  if (format_.separator_said && found != separator_) {
    fail_at(kKey.size(), std::string("the file says that '") + found + "' separates, and the " +
                             "config that '" + separator_ + "' does");
  }
  separator_ = found;
  if (at_ < text_.size()) pass_line_end();
}

void CsvFile::read_header(bool named) {
  if (at_ == text_.size()) throw UserError(ExitCode::data, path() + ": is empty, expected a table");
  const std::size_t begin = at_, begin_line = next_line_;
  read_row();
  if (row_.size() > kMaxColumns)
    fail_at(begin, "more than " + std::to_string(kMaxColumns) + " columns");
  for (const CsvField& field : row_) {
    if (named) {
      name_next_column(field);
    } else {
      columns_.push_back(std::to_string(columns_.size() + 1));
      named_.push_back(true);
    }
    places_.emplace(columns_.back(), columns_.size() - 1);
  }
  first_row_ = named ? at_ : begin;
  first_line_ = named ? next_line_ : begin_line;
  rewind();
}

void CsvFile::name_next_column(const CsvField& field) {
  const std::string number = std::to_string(columns_.size() + 1);
  std::string name(field.word());
  named_.push_back(!name.empty());
  if (name.empty()) name = "Unnamed: " + std::to_string(columns_.size());
  if (const auto same = find(name)) {
    fail_at(field.offset,
            "columns " + std::to_string(*same + 1) + " and " + number + " are both called '" +
                name + "'",
            "the first row holds the columns' names");
  }
  columns_.push_back(std::move(name));
}

std::optional<std::size_t> CsvFile::find(std::string_view column) const {
  const auto at = places_.find(column);
  if (at == places_.end()) return std::nullopt;
  return at->second;
}

std::size_t CsvFile::index_of(std::string_view column) const {
  if (const auto at = find(column)) return *at;
  const std::string cut = separator_hint();
  throw UserError(ExitCode::data,
                  path() + ": there is no column '" + std::string(column) + "'" +
                      did_you_mean(column, columns_),
                  cut.empty() ? listed_columns(column, columns_) : cut);
}

std::size_t CsvFile::index_of_name_or_number(std::string_view column) const {
  const auto number = parse_int(column);
  if (!find(column) && number && *number >= 1 &&
      static_cast<std::size_t>(*number) <= columns_.size())
    return static_cast<std::size_t>(*number) - 1;
  return index_of(column);
}

/// Where the first row is one field that others would cut.
std::string CsvFile::separator_hint() const {
  if (columns_.size() != 1) return {};
  for (const auto& [character, said] : {std::pair(';', "';'"), std::pair('\t', "tab"),
                                        std::pair('|', "'|'"), std::pair(',', "','")}) {
    if (character == separator_ || columns_[0].find(character) == std::string::npos) continue;
    return "its only column is '" + columns_[0].substr(0, kShown) +
           "': separator: " + std::string(said) + ", in the source, cuts it";
  }
  return {};
}

bool CsvFile::next() {
  pass_empty_lines();
  if (at_ == text_.size()) return false;
  read_row();
  check_count();
  return true;
}

void CsvFile::check_count() {
  if (row_.size() == columns_.size()) return;
  const std::size_t offset = row_[0].offset;
  const std::string message = "this row has " + counted(row_.size(), "field") + ", expected " +
                              std::to_string(columns_.size()) + " as in the first row";
  if (next_line_ > line_ + 1) {
    fail_at(offset, message,
            "a field in quotes goes on to line " + std::to_string(next_line_ - 1) +
                ": where that is no quote, quote: none, in the source, takes quotes as text");
  }
  std::map<std::size_t, std::size_t> counts = {{row_.size(), 1}};  // rows by their fields
  try {
    for (pass_empty_lines(); at_ < text_.size(); pass_empty_lines()) {
      read_row();
      ++counts[row_.size()];
    }
  } catch (const UserError&) {  // what is wrong there is not what is to be reported
  }
  std::vector<std::string> parts;
  for (const auto& [fields, rows] : counts)
    parts.push_back(counted(rows, "row") + " of " + counted(fields, "field"));
  fail_at(offset, message, "from here on there are " + join(parts, ", "));
}

void CsvFile::rewind() {
  at_ = first_row_;
  next_line_ = first_line_;
  row_.clear();
  long_ = in_quotes_ = {};
}

void CsvFile::Seen::add(std::size_t line, std::size_t end_line) {
  if (++count > 1) return;
  first_line = line;
  last_line = end_line;
}

std::vector<std::string> CsvFile::notes() const {
  std::vector<std::string> notes;
  if (long_.count > 0) {
    notes.push_back(path() + ": " + counted(long_.count, "field") +
                    " in quotes with a line end inside (the first from line " +
                    std::to_string(long_.first_line) + " to " + std::to_string(long_.last_line) +
                    "); where quotes are text, quote: none, in the source, says so");
  }
  if (in_quotes_.count > 0) {
    notes.push_back(path() + ": " + counted(in_quotes_.count, "field") +
                    " in quotes (the first in line " + std::to_string(in_quotes_.first_line) +
                    "), which count as text where a tab separates; quote: '\"', in the source, "
                    "takes them off");
  }
  return notes;
}

void CsvFile::return_to(std::size_t line) {
  rewind();
  while (next() && line_ != line) continue;
}

void CsvFile::read_row() {
  row_.clear();
  unescaped_.clear();
  line_ = next_line_;
  while (true) {
    row_.push_back(read_field());
    if (at_ == text_.size()) return;
    if (at_line_end()) break;
    ++at_;  // the separator
  }
  pass_line_end();
}

bool CsvFile::at_line_end() const {
  return text_[at_] == '\n' ||
         (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
}

void CsvFile::pass_line_end() {
  at_ += text_[at_] == '\r' ? 2 : 1;
  ++next_line_;
}

void CsvFile::pass_empty_lines() {
  while (at_ < text_.size() && at_line_end()) pass_line_end();
}

CsvField CsvFile::read_field() {
  const std::size_t begin = at_;
  if (quote_ != '\0' && at_ < text_.size() && text_[at_] == quote_) return read_quoted();
  while (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) {
    if (text_[at_] == '\r') fail_at(at_, "a carriage return without a line feed");
    ++at_;
  }
  const std::string_view text = text_.substr(begin, at_ - begin);
  const std::size_t blanks = text.find_first_not_of(" \t");
  if (quote_ != '\0' && blanks != std::string_view::npos && text[blanks] == quote_) {
    fail_at(begin + blanks, "a quote behind a blank; a field in quotes begins with its quote",
            "quote: none, in the source, takes quotes as text");
  }
  if (!format_.quote && quote_ == '\0' && text.size() > 1 && text[0] == '"' && text.back() == '"')
    in_quotes_.add(next_line_, next_line_);
  return {text, begin};
}

CsvField CsvFile::read_quoted() {
  const std::size_t begin = at_++, begin_line = next_line_;
  std::size_t piece = at_;
  std::string* unescaped = nullptr;
  while (true) {
    if (at_ == text_.size()) {
      fail_at(begin, "this quote is never closed",
              "quote: none, in the source, takes quotes as text");
    }
    if (text_[at_] == '\n') ++next_line_;
    if (text_[at_++] != quote_) continue;
    const bool doubled = at_ < text_.size() && text_[at_] == quote_;
    if (!doubled) break;
    if (!unescaped) unescaped = &unescaped_.emplace_back();
    unescaped->append(text_.substr(piece, at_ - piece));  // with one of both quotes
    piece = ++at_;
  }
  if (next_line_ > begin_line) long_.add(begin_line, next_line_);
  const std::string_view rest = text_.substr(piece, at_ - 1 - piece);
  if (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) {
    const std::string_view after = text_.substr(at_, utf8_length(text_.substr(at_, 4)));
    const std::string lines =
        next_line_ > begin_line ? " that was opened in line " + std::to_string(begin_line) : "";
    fail_at(at_,
            "'" + std::string(after) + "' after a field's closing quote" + lines + ", expected '" +
                std::string(1, separator_) + "' or the end of the line",
            "a quote inside a quoted field is written twice; quote: none, in the source, takes "
            "quotes as text");
  }
  if (!unescaped) return {rest, begin};
  unescaped->append(rest);
  return {*unescaped, begin};
}

double CsvFile::number(std::size_t column) const {
  const std::string_view word = row_[column].word();
  const auto value = parse_double(word);
  if (value && std::abs(*value) <= std::numeric_limits<float>::max()) return *value;
  const std::string shown(word.substr(0, kShown));
  if (value) fail(column, "the number " + shown + " is too large");
  fail(column, "expected a number, found '" + shown + "'",
       has_decimal_comma(word) ? kDecimalPoint : "");
}

void CsvFile::fail(std::size_t column, const std::string& message, const std::string& hint) const {
  fail_at(row_[column].offset, "column '" + columns_[column] + "': " + message, hint);
}

void CsvFile::fail_at(std::size_t offset, const std::string& message,
                      const std::string& hint) const {
  throw UserError(ExitCode::data, file_.place(offset) + ": " + message, hint);
}

bool has_decimal_comma(std::string_view word) {
  const std::size_t comma = word.find(',');
  if (comma == std::string_view::npos) return false;
  std::string with_point(word);
  with_point[comma] = '.';
  return parse_double(with_point).has_value();
}

}  // namespace dl
