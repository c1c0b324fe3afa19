#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/csv_file.h"
#include "datasets/dataset.h"
#include "datasets/scaling.h"

namespace dl {

/// What to do with a row that lacks a number.
enum class CsvMissing { error, mean, drop };
enum class CsvTask { classification, regression };

/// What the columns of a table are for.
struct CsvLayout {
  DataSpec spec;
  CsvFormat format;
  CsvMissing missing = CsvMissing::error;
  std::vector<std::string> missing_values;
  std::vector<std::string> numeric, categorical, targets;
  std::vector<std::vector<std::string>> categories;  // of each categorical column
  std::vector<double> fill;                          // for missing: mean, of each numeric column
  Scaling numbers, values;                           // of numeric columns; of targets
  CsvTask task = CsvTask::classification;

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

  // Of the row, until the next.
  std::vector<double> numbers;          // NaN: missing
  std::vector<std::string_view> words;  // of the categorical columns; "": missing
  std::vector<double> values;           // of a regression's targets; NaN: missing
  std::string_view label;               // "": missing

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
  bool read_targets();

  CsvFile& file_;
  const CsvLayout& layout_;
  bool predicting_, has_targets_;
  std::vector<std::size_t> numeric_, categorical_, targets_;
  std::size_t left_out_ = 0;
};

/// Which columns hold nothing but numbers, of those that are neither targets nor in `passed_over`.
/// Throws UserError (ExitCode::data) for one without a value, and for one of words nearly all of
/// which are numbers: the others are mistakes, or the config has to say that they are none.
struct ColumnKinds {
  std::vector<std::string> numeric, categorical;
  bool numeric_target = false;  // the first one holds nothing but numbers
};
/// `guess_task`: the config does not say what the target is.
ColumnKinds find_kinds(CsvFile& file, const CsvLayout& layout,
                       const std::vector<std::string>& passed_over, bool guess_task);

/// What a table's rows hold, with the columns' kinds known.
struct ColumnContents {
  std::vector<ColumnStats> numbers, values;
  std::vector<std::vector<std::string>> categories;  // in the order of numbers, or of bytes
  std::vector<std::string> classes;
};
ColumnContents find_contents(CsvFile& file, const CsvLayout& layout);

/// The rows of a file as samples.
std::unique_ptr<Dataset> open_csv(const CsvLayout& layout, CsvFile& file, bool predicting);

}  // namespace dl
