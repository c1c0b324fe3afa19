#include "datasets/csv_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "engine/core/error.h"
#include "engine/core/text.h"

namespace dl {
namespace {

constexpr std::size_t kMaxCategories = 1000;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The different values of a column.
class Words {
 public:
  /// False: there are too many.
  bool add(std::string_view word) {
    if (words_.find(word) == words_.end()) words_.emplace(word);
    return words_.size() <= kMaxCategories;
  }
  /// In the order of numbers where all are numbers, else of bytes.
  std::vector<std::string> sorted() const {
    std::vector<std::string> all(words_.begin(), words_.end());
    if (std::ranges::all_of(all, [](const auto& word) { return parse_double(word).has_value(); }))
      std::ranges::stable_sort(all, {}, [](const auto& word) { return *parse_double(word); });
    return all;
  }

 private:
  std::set<std::string, std::less<>> words_;
};

std::string too_many() {
  return "more than " + std::to_string(kMaxCategories) + " different values";
}

[[noreturn]] void fail_without_value(const CsvFile& file, const std::string& column) {
  throw UserError(ExitCode::data, file.path() + ": column '" + column + "' has no values",
                  "ignore: [" + column + "], in the source, leaves it out");
}

/// What stands in a column whose kind the config does not say.
struct Seen {
  std::size_t values = 0, numbers = 0, commas = 0;  // numbers with a decimal point; with a comma
  std::size_t line = 0;                             // of the first value that is no number

  void add(std::string_view word, std::size_t at) {
    ++values;
    if (parse_double(word)) {
      ++numbers;
      return;
    }
    commas += has_decimal_comma(word);
    if (line == 0) line = at;
  }
  bool is_numeric() const { return numbers == values; }
  bool is_mistaken() const { return !is_numeric() && 10 * (numbers + commas) >= 9 * values; }
};

[[noreturn]] void fail_as_mistaken(CsvFile& file, std::size_t column, const Seen& seen,
                                   const std::string& words) {
  file.return_to(seen.line);
  const std::string word(file.row()[column].word().substr(0, 40));
  if (has_decimal_comma(word)) file.number(column);  // fails, with a hint
  file.fail(column, "'" + word + "' in a column of numbers",
            words + ", in the source, takes all of them as words; missing_values: [..., '" + word +
                "'] takes this one for a missing value");
}

}  // namespace

CsvRows::CsvRows(CsvFile& file, const CsvLayout& layout, bool predicting)
    : file_(file), layout_(layout), predicting_(predicting) {
  for (const std::string& name : layout.numeric) numeric_.push_back(file.index_of(name));
  for (const std::string& name : layout.categorical) categorical_.push_back(file.index_of(name));
  has_targets_ = !predicting || std::ranges::all_of(layout.targets, [&](const auto& name) {
    return file.find(name).has_value();
  });
  if (!has_targets_) return;
  for (const std::string& name : layout.targets) targets_.push_back(file.index_of(name));
}

bool CsvRows::next() {
  while (file_.next()) {
    if (read_row()) return true;
    ++left_out_;
  }
  return false;
}

bool CsvRows::missing(std::size_t column) const {
  return is_missing(file_.row()[column].word(), layout_.missing_values);
}

bool CsvRows::read_row() {
  numbers.clear();
  words.clear();
  for (const std::size_t column : numeric_) {
    if (!missing(column)) {
      numbers.push_back(file_.number(column));
      continue;
    }
    if (layout_.missing == CsvMissing::drop) return false;
    if (layout_.missing == CsvMissing::error) {
      file_.fail(column, "the value is missing",
                 "missing: mean or missing: drop, in the source, says what it is then");
    }
    numbers.push_back(kNone);
  }
  for (const std::size_t column : categorical_)
    words.push_back(missing(column) ? std::string_view() : file_.row()[column].word());
  return read_targets();
}

bool CsvRows::read_targets() {
  values.clear();
  label = {};
  if (!has_targets_) values.assign(layout_.targets.size(), kNone);
  for (const std::size_t column : targets_) {
    const bool none = missing(column);
    if (none && !predicting_) {
      if (layout_.missing == CsvMissing::drop) return false;
      file_.fail(column, "the target is missing",
                 "missing: drop, in the source, leaves such rows out");
    }
    if (layout_.regression()) {
      values.push_back(none ? kNone : file_.number(column));
    } else if (!none) {
      label = file_.row()[column].word();
    }
  }
  return true;
}

ColumnKinds find_kinds(CsvFile& file, const CsvLayout& layout,
                       const std::vector<std::string>& passed_over, bool guess_task) {
  std::vector<Seen> seen(file.columns().size());
  file.rewind();
  while (file.next()) {
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const std::string_view word = file.row()[i].word();
      if (!is_missing(word, layout.missing_values)) seen[i].add(word, file.line());
    }
  }
  const auto holds = [](const std::vector<std::string>& list, const std::string& name) {
    return std::ranges::find(list, name) != list.end();
  };
  ColumnKinds kinds;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const std::string& name = file.columns()[i];
    if (holds(layout.targets, name) || holds(passed_over, name)) continue;
    if (seen[i].values == 0) fail_without_value(file, name);
    if (seen[i].is_mistaken()) fail_as_mistaken(file, i, seen[i], "categorical: [" + name + "]");
    (seen[i].is_numeric() ? kinds.numeric : kinds.categorical).push_back(name);
  }
  const std::size_t target = file.index_of(layout.targets[0]);
  if (guess_task && seen[target].is_mistaken())
    fail_as_mistaken(file, target, seen[target], "task: classification");
  kinds.numeric_target = seen[target].is_numeric();
  return kinds;
}

ColumnContents find_contents(CsvFile& file, const CsvLayout& layout) {
  ColumnContents found;
  found.numbers.resize(layout.numeric.size());
  found.values.resize(layout.targets.size());
  std::vector<Words> words(layout.categorical.size());
  Words labels;
  file.rewind();
  CsvRows rows(file, layout);
  while (rows.next()) {
    for (std::size_t i = 0; i < rows.numbers.size(); ++i) {
      if (!std::isnan(rows.numbers[i])) found.numbers[i].add(rows.numbers[i]);
    }
    for (std::size_t i = 0; i < rows.words.size(); ++i) {
      if (!rows.words[i].empty() && !words[i].add(rows.words[i]))
        rows.fail_at_word(i, too_many(),
                          "ignore: [" + layout.categorical[i] + "], in the source, leaves it out");
    }
    for (std::size_t i = 0; i < rows.values.size(); ++i) found.values[i].add(rows.values[i]);
    if (!layout.regression() && !labels.add(rows.label))
      rows.fail_at_label(too_many(), "task: regression predicts numbers");
  }
  for (std::size_t i = 0; i < found.numbers.size(); ++i) {
    if (found.numbers[i].count() == 0) fail_without_value(file, layout.numeric[i]);
  }
  for (const Words& column : words) found.categories.push_back(column.sorted());
  found.classes = labels.sorted();
  return found;
}

}  // namespace dl
