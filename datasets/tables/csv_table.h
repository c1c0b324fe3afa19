#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/tables/csv_file.h"
#include "datasets/tables/scaling.h"

namespace dl {

/// What to do with a row that lacks a number.
enum class CsvMissing { error, mean, drop };
enum class CsvTask { classification, regression };

/// What the columns of a table are for.
struct CsvLayout {
  DataSpec spec;
  CsvFormat format;
  CsvMissing missing = CsvMissing::error;
  MissingValues missing_values{{}};
  std::string id;  // the column that names the rows; "": none
  std::vector<std::string> numeric, categorical, targets;
  std::vector<std::vector<std::string>> categories;  // of each categorical column
  std::vector<double> fill;                          // for missing: mean, of each numeric column
  Scaling numbers, values;                           // of numeric columns; of targets
  CsvTask task = CsvTask::classification;
  std::optional<TargetRange> range;  // of a regression's targets

  bool regression() const { return task == CsvTask::regression; }
};

/// Reads the rows of a table by what its columns are for.
class CsvRows {
 public:
  /// `predicting`: the targets' columns, and values in them, may be missing.
  CsvRows(CsvFile& file, const CsvLayout& layout, bool predicting = false);

  /// The next row that is not left out (missing: drop).
  bool next();
  std::size_t left_out() const { return left_out_; }
  bool has_targets() const { return has_targets_; }
  bool has_ids() const { return id_.has_value(); }
  /// What a user should know of the rows so far.
  std::vector<std::string> notes() const;

  // Of the row, until the next.
  std::vector<double> numbers;          // NaN: missing
  std::vector<std::string_view> words;  // of the categorical columns; "": missing
  std::vector<double> values;           // of a regression's targets; NaN: missing
  std::string_view label;               // "": missing
  std::string_view id;                  // "": there is none

  [[noreturn]] void fail_at_word(std::size_t i, const std::string& message,
                                 const std::string& hint = {}) const {
    file_.fail(categorical_[i], message, hint);
  }
  [[noreturn]] void fail_at_label(const std::string& message, const std::string& hint = {}) const {
    file_.fail(targets_[0], message, hint);
  }

 private:
  bool read_row();
  bool missing(std::size_t column) const;
  void read_words();
  bool read_targets();

  CsvFile& file_;
  const CsvLayout& layout_;
  bool predicting_, has_targets_;
  std::vector<std::size_t> numeric_, categorical_, targets_;
  std::optional<std::size_t> id_;
  std::size_t left_out_ = 0;
  struct Unknown {
    std::size_t count = 0;
    std::string first;
  };
  std::vector<Unknown> unknown_;  // words that count as missing, of each categorical column
};

/// What a config says of the columns; the rest is to be found.
struct KnownColumns {
  std::optional<std::vector<std::string>> numeric, categorical;
  std::optional<CsvTask> task;
};
/// What the columns are for, as the config says or as their values suggest.
struct ColumnKinds {
  std::vector<std::string> numeric, categorical;
  CsvTask task = CsvTask::classification;
  std::vector<std::string> left_out;  // columns that nobody asked to leave out
  std::vector<std::string> notes;     // what is odd of the others
};
/// Columns of nothing but numbers are numeric, the others categorical, but for targets and for what
/// is `ignored`. Throws UserError (ExitCode::data) for one without a value, for one of words nearly
/// all of which are numbers (the others are mistakes, or the config has to say that they are none),
/// and for one of words of which no two are the same.
ColumnKinds find_kinds(CsvFile& file, const CsvLayout& layout,
                       const std::vector<std::string>& ignored, const KnownColumns& known);

[[noreturn]] void fail_without_value(const CsvFile& file, const std::string& column);

/// What a table's rows hold, with the columns' kinds known.
struct ColumnContents {
  std::vector<ColumnStats> numbers, values;
  // In the order of numbers, or of bytes; empty where the layout knows them.
  std::vector<std::vector<std::string>> categories;
  std::vector<std::string> classes;
  std::size_t rows = 0;
};
ColumnContents find_contents(CsvFile& file, const CsvLayout& layout);

/// The rows of a file as samples.
std::unique_ptr<Dataset> open_csv(const CsvLayout& layout, CsvFile& file, bool predicting);

}  // namespace dl
