#include "datasets/tables/table_survey.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/text.h"
#include "datasets/tables/csv_file.h"

namespace dl {
namespace {

/// What makes the most columns of the first row.
CsvFormat guess_format(const std::string& path) {
  CsvFormat best;
  std::size_t most = 0;
  for (const char separator : {',', ';', '\t', '|'}) {
    const CsvFormat format{.separator = separator};
    try {
      const std::size_t columns = CsvFile(path, format).columns().size();
      if (columns <= most) continue;
      most = columns;
      best = format;
    } catch (const UserError&) {
      if (separator == ',') best = format;  // whose message counts where none does
    }
  }
  return best;
}

class ColumnReader {
 public:
  void add(std::string_view word) {
    ++column_.values;
    const auto number = parse_double(word);
    column_.numbers += number.has_value();
    column_.whole += number && *number == std::floor(*number);
    if (column_.values == 1) first_ = number.value_or(-1);
    column_.counts_rows = column_.counts_rows && number && (first_ == 0 || first_ == 1) &&
                          *number == first_ + static_cast<double>(column_.values - 1);
    blanks_ += static_cast<std::size_t>(std::ranges::count(word, ' ')) + 1;
    if (counts_.size() <= ColumnSurvey::kMostDistinct) ++counts_[std::string(word)];
  }
  void add_missing() { ++column_.missing; }

  ColumnSurvey survey(const std::string& name, bool named) {
    column_.name = name;
    column_.named = named;
    column_.distinct = counts_.size();
    column_.counts_rows = column_.counts_rows && column_.values > 1;
    const auto of = [](const auto& pair) { return pair.second; };
    if (!counts_.empty()) {
      column_.fewest = std::ranges::min_element(counts_, {}, of)->second;
      column_.most = std::ranges::max_element(counts_, {}, of)->second;
      column_.words_each = static_cast<double>(blanks_) / static_cast<double>(column_.values);
    }
    return column_;
  }

 private:
  ColumnSurvey column_;
  double first_ = 0;
  std::size_t blanks_ = 0;
  std::unordered_map<std::string, std::size_t> counts_;
};

}  // namespace

const ColumnSurvey* TableSurvey::find(const std::string& name) const {
  const auto at = std::ranges::find(columns, name, &ColumnSurvey::name);
  return at == columns.end() ? nullptr : &*at;
}

TableSurvey survey_table(const std::string& path) {
  TableSurvey survey;
  survey.format = guess_format(path);
  CsvFile file(path, survey.format);
  const MissingValues missing(usual_missing_values());
  std::vector<ColumnReader> readers(file.columns().size());
  for (; file.next(); ++survey.rows) {
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const std::string_view word = file.row()[i].word();
      if (missing.contains(word)) {
        readers[i].add_missing();
      } else {
        readers[i].add(word);
      }
    }
  }
  for (std::size_t i = 0; i < readers.size(); ++i)
    survey.columns.push_back(readers[i].survey(file.columns()[i], file.has_name(i)));
  return survey;
}

}  // namespace dl
