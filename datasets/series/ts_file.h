#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dl {

/// What to do where a series has no value.
enum class TsMissing { error, previous };

/// A series of a file: `length` steps of all dimensions, from `first` on in TsFile::values.
struct TsSeries {
  std::size_t first = 0, length = 0;
  std::string label = {};            // "": none is known
  double target = 0;                 // NaN: none is known
  std::size_t line = 0, column = 0;  // of the label in the file, from 1
};

/// A file of the UCR/UEA archive's format, read whole.
struct TsFile {
  std::string path;
  std::size_t dimensions = 0;
  bool labelled = false, regression = false;  // which of both a series ends with; perhaps none
  std::vector<std::string> classes;           // of @classLabel
  std::vector<TsSeries> series;
  std::vector<float> values;  // step by step, each with all dimensions

  std::size_t longest() const;
};

/// Throws UserError (ExitCode::data) with file, line and column of what is wrong.
TsFile read_ts_file(const std::string& path, TsMissing missing, const std::string& hint = {});

}  // namespace dl
