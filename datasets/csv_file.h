#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/text_file.h"
#include "engine/core/source.h"

namespace dl {

struct CsvFormat {
  char separator = ',';
  bool header = true;  // the first row names the columns; otherwise they are called 1, 2, ...
};

/// What a `separator` of a config stands for: one character, or the word tab. Throws UserError at
/// `mark`.
char csv_separator(const std::string& said, const Mark& mark);

/// A field of a table: what it says, without quotes, and where it stands.
struct CsvField {
  std::string_view text;   // valid until the next row
  std::size_t offset = 0;  // of its first byte in the file, which may be a quote

  /// Without blanks at both ends: for numbers and words.
  std::string_view word() const;
};

/// A table as text (RFC 4180), read row by row. Quoted fields may hold separators, doubled quotes
/// and line ends; lines end in LF or CRLF; empty lines are passed over; the text is UTF-8, with or
/// without a byte order mark, plain or gzip. All that is wrong with it is a UserError
/// (ExitCode::data) that names file, line and column.
class CsvFile {
 public:
  explicit CsvFile(std::string path, CsvFormat format = {}, const std::string& hint = {});
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;

  const std::string& path() const { return file_.path(); }
  const std::vector<std::string>& columns() const { return columns_; }
  std::optional<std::size_t> find(std::string_view column) const;
  /// As find(); throws when there is no such column, with the most similar name.
  std::size_t index_of(std::string_view column) const;

  /// Reads the next row, which has a field for each column; false: there is none.
  bool next();
  std::span<const CsvField> row() const { return row_; }
  /// Where the row begins, from 1.
  std::size_t line() const { return line_; }
  /// Back to before the first row.
  void rewind();

  /// What a field of the row says as a number that a float can hold; throws when it is none.
  double number(std::size_t column) const;
  /// Back to a row that was read, by where it began.
  void return_to(std::size_t line);
  /// "data.csv:7:12: column 'age': message", for a field of the row.
  [[noreturn]] void fail(std::size_t column, const std::string& message,
                         const std::string& hint = {}) const;

 private:
  void read_row();
  CsvField read_field();
  CsvField read_quoted();
  bool at_line_end() const;
  void pass_line_end();
  void pass_empty_lines();
  void read_header(bool named);
  void name_next_column(const CsvField& field);
  std::string separator_hint() const;
  [[noreturn]] void fail_at(std::size_t offset, const std::string& message,
                            const std::string& hint = {}) const;

  TextFile file_;
  std::string_view text_;  // of file_
  char separator_;
  std::vector<std::string> columns_;
  std::vector<CsvField> row_;
  std::deque<std::string> unescaped_;  // fields of the row that hold doubled quotes
  std::size_t at_ = 0, line_ = 0;      // the next byte; where the row began
  std::size_t next_line_ = 1;          // that of at_
  std::size_t first_row_ = 0, first_line_ = 1;
};

/// What stands for a missing value unless a config says otherwise: those of pandas, and "?".
std::vector<std::string> usual_missing_values();
/// "1,5": a number, but for a comma instead of the point.
bool has_decimal_comma(std::string_view word);
bool is_missing(std::string_view word, const std::vector<std::string>& missing_values);

}  // namespace dl
