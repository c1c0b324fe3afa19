#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "datasets/tables/csv_format.h"

namespace dl {

/// What stands in a column of a table.
struct ColumnSurvey {
  std::string name;
  bool named = true;
  std::size_t values = 0, missing = 0;
  std::size_t numbers = 0, whole = 0;  // values that are numbers; that are whole ones
  bool counts_rows = true;             // 0, 1, 2, ... or 1, 2, 3, ...
  std::size_t distinct = 0;            // different values, at most kMostDistinct + 1
  std::size_t fewest = 0, most = 0;    // rows of the rarest and of the most frequent of them
  double words_each = 0;               // blanks between words, and one more, on average

  static constexpr std::size_t kMostDistinct = 10'000;
  bool is_numeric() const { return values > 0 && numbers == values; }
  bool all_differ() const { return values > 20 && distinct == values; }
};

/// A table as someone sees it who knows nothing of it.
struct TableSurvey {
  CsvFormat format;
  std::vector<ColumnSurvey> columns;
  std::size_t rows = 0;

  const ColumnSurvey* find(const std::string& name) const;
};

/// Guesses what separates the fields. Throws UserError (ExitCode::data) where the file is no table.
TableSurvey survey_table(const std::string& path);

}  // namespace dl
