#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/tables/csv_format.h"
#include "datasets/text_file.h"

namespace dl {

/// A field of a table: what it says, without quotes, and where it stands.
struct CsvField {
  std::string_view text;   // valid until the next row
  std::size_t offset = 0;  // of its first byte in the file, which may be a quote

  /// Without blanks at both ends: for numbers and words.
  std::string_view word() const;
};

/// A table as text (RFC 4180), read row by row. Quoted fields may hold separators, doubled quotes
/// and line ends; a quote inside a field that does not begin with one is text; lines end in LF or
/// CRLF; empty lines are passed over; the text is UTF-8, with or without a byte order mark, or
/// UTF-16 with one, plain or gzip. All that is wrong with it is a UserError (ExitCode::data) that
/// names file, line and column.
class CsvFile {
 public:
  explicit CsvFile(std::string path, CsvFormat format = {}, const std::string& hint = {});
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;

  const std::string& path() const { return file_.path(); }
  /// One without a name is called as pandas does, "Unnamed: 0", counted from 0.
  const std::vector<std::string>& columns() const { return columns_; }
  bool has_name(std::size_t column) const { return named_[column]; }
  std::optional<std::size_t> find(std::string_view column) const;
  /// As find(); throws when there is no such column, with the most similar name.
  std::size_t index_of(std::string_view column) const;
  /// As index_of(); a number that is no column's name counts the columns, from 1.
  std::size_t index_of_name_or_number(std::string_view column) const;

  /// Reads the next row, which has a field for each column; false: there is none.
  bool next();
  std::span<const CsvField> row() const { return row_; }
  /// Where the row begins, from 1.
  std::size_t line() const { return line_; }
  /// Back to before the first row.
  void rewind();
  /// What a user should know of how the rows so far were read.
  std::vector<std::string> notes() const;

  /// What a field of the row says as a number that a float can hold; throws when it is none.
  double number(std::size_t column) const;
  /// Back to a row that was read, by where it began.
  void return_to(std::size_t line);
  /// "data.csv:7:12", of a field of the row.
  std::string place(std::size_t column) const { return file_.place(row_[column].offset); }
  /// "data.csv:7:12: column 'age': message", for a field of the row.
  [[noreturn]] void fail(std::size_t column, const std::string& message,
                         const std::string& hint = {}) const;

 private:
  /// Fields of a kind that were read, and where the first of them was.
  struct Seen {
    std::size_t count = 0, first_line = 0, last_line = 0;
    void add(std::size_t line, std::size_t end_line);
  };

  void check_bytes() const;
  void read_separator_line();
  void read_row();
  CsvField read_field();
  CsvField read_quoted();
  bool at_line_end() const;
  void pass_line_end();
  void pass_empty_lines();
  void read_header(bool named);
  void name_next_column(const CsvField& field);
  void check_count();
  std::string separator_hint() const;
  [[noreturn]] void fail_at(std::size_t offset, const std::string& message,
                            const std::string& hint = {}) const;

  TextFile file_;
  std::string_view text_;  // of file_
  CsvFormat format_;
  char separator_, quote_ = '"';
  std::vector<std::string> columns_;
  std::vector<bool> named_;
  std::map<std::string, std::size_t, std::less<>> places_;  // of columns_
  std::vector<CsvField> row_;
  std::deque<std::string> unescaped_;  // fields of the row that hold doubled quotes
  std::size_t at_ = 0, line_ = 0;      // the next byte; where the row began
  std::size_t next_line_ = 1;          // that of at_
  std::size_t first_row_ = 0, first_line_ = 1;
  Seen long_, in_quotes_;  // quoted fields of several lines; quotes that count as text
};

/// "1,5": a number, but for a comma instead of the point.
bool has_decimal_comma(std::string_view word);

}  // namespace dl
