#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/param_bases.h"

namespace dl {

/// How a table is written.
struct CsvFormat {
  char separator = ',';
  bool separator_said = false;  // else a first line `sep=;` of the file may name another one
  /// What fields may stand in; '\0': nothing. None: '"', or nothing where a tab separates.
  std::optional<char> quote = {};
  bool header = true;  // the first row names the columns; otherwise they are called 1, 2, ...
};

/// The keys that all sources of tables share; P derives from it.
struct CsvFormatParams {
  std::string separator = ",";
  std::optional<std::string> quote;
};
/// `of_what`: "of CSV files: " where others are read too.
ParamTable<CsvFormatParams> csv_format_table(const std::string& of_what = "");

/// What the keys of a source's entry, `node`, stand for. Throws UserError at the key.
CsvFormat csv_format(const ConfigNode& node, const CsvFormatParams& params, bool header);

/// What stands for a missing value.
class MissingValues {
 public:
  explicit MissingValues(std::vector<std::string> words);
  /// An empty field always is one.
  bool contains(std::string_view word) const {
    return word.empty() || (first_[static_cast<unsigned char>(word[0])] && is_listed(word));
  }

 private:
  bool is_listed(std::string_view word) const;

  std::vector<std::string> words_;
  std::bitset<256> first_;  // what they begin with
};

/// What stands for a missing value unless a config says otherwise: those of pandas, and "?".
std::vector<std::string> usual_missing_values();
/// How to take `word` for a value; "" where it is empty, which no config can.
std::string value_hint(std::string_view word);

}  // namespace dl
