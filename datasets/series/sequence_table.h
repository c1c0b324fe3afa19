#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/series/dates.h"
#include "datasets/tables/csv_file.h"
#include "datasets/tables/scaling.h"

namespace dl {

/// What to do where a table of a sequence has no value.
enum class SequenceMissing { error, previous };

/// What windows over a table look like.
struct SequenceLayout {
  DataSpec spec;
  CsvFormat format;
  SequenceMissing missing = SequenceMissing::error;
  MissingValues missing_values{{}};
  std::vector<std::string> columns, targets;
  std::string date;  // the column that orders and names the rows; "": they stand in order
  DateFormat date_format{""};
  std::size_t window = 1, horizon = 1, stride = 1;
  std::size_t baseline_lag = 0;
  Scaling inputs_scaling, targets_scaling;
  std::optional<TargetRange> range;  // of the targets
};

/// The columns of a table that matter, in the units of the file and in the order of time.
struct SequenceTable {
  std::string path;
  std::vector<double> inputs = {}, values = {};  // row by row: of columns, of targets
  std::vector<std::uint32_t> lines = {};         // of each row in the file
  std::vector<std::string> dates = {};           // of each row, and of the one that would follow
  bool has_targets = true;                       // its file has all columns of `targets`
  std::vector<std::string> notes = {};

  std::size_t rows() const { return lines.size(); }
};

/// What the config does not say of the columns.
struct SequenceColumns {
  std::vector<std::string> columns;  // those of numbers
  std::string date;
  DateFormat date_format{""};
  std::vector<std::string> left_out;  // columns that nobody asked to leave out
};
/// `ignored`: names of columns. Throws UserError (ExitCode::data) at a column of words that are no
/// dates.
SequenceColumns find_sequence_columns(CsvFile& file, const SequenceLayout& layout,
                                      const std::vector<std::string>& ignored);
/// The one way in which a column writes its dates, or numbers. Throws UserError (ExitCode::data)
/// where there is none, or more than one.
DateFormat find_date_format(CsvFile& file, std::size_t column);

/// Throws UserError (ExitCode::data) with file, line and column of what is wrong. Unless
/// `need_targets` the file may lack the targets' columns.
SequenceTable read_sequence_table(CsvFile& file, const SequenceLayout& layout, bool need_targets);

/// Rows, from `begin` to before `end`.
struct Stretch {
  std::size_t begin = 0, end = 0;
};

/// The samples whose targets lie in the stretch.
std::unique_ptr<Dataset> open_sequence(const SequenceLayout& layout, SequenceTable table,
                                       Stretch stretch);

/// All windows of a new file, the last of which looks at its last rows: what is predicted of it
/// comes after the file's end.
std::unique_ptr<Dataset> open_new_sequence(const SequenceLayout& layout, const std::string& path);

}  // namespace dl
