#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/csv_file.h"
#include "datasets/dataset.h"
#include "datasets/scaling.h"

namespace dl {

/// What to do where a table of a sequence has no value.
enum class SequenceMissing { error, previous };

/// What windows over a table look like.
struct SequenceLayout {
  DataSpec spec;
  CsvFormat format;
  SequenceMissing missing = SequenceMissing::error;
  std::vector<std::string> missing_values;
  std::vector<std::string> columns, targets;  // empty: all
  std::size_t window = 1, horizon = 1, stride = 1;
  std::size_t baseline_lag = 0;
  Scaling inputs_scaling, targets_scaling;
};

/// The columns of a table that matter, in the units of the file.
struct SequenceTable {
  std::string path;
  std::vector<std::string> columns, targets;
  std::vector<double> inputs = {}, values = {};  // row by row: of columns, of targets
  std::vector<std::uint32_t> lines = {};         // of each row in the file
  bool has_targets = true;                       // its file has all columns of `targets`

  std::size_t rows() const { return lines.size(); }
};

/// Throws UserError (ExitCode::data) with file, line and column of what is wrong. Unless
/// `need_targets` the file may lack the targets' columns.
SequenceTable read_sequence_table(const std::string& path, const SequenceLayout& layout,
                                  bool need_targets, const std::string& hint = {});

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
