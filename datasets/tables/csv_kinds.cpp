#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

#include "core/error.h"
#include "core/text.h"
#include "datasets/tables/csv_table.h"

// What the columns of a table are for, where the config does not say it.
namespace dl {
namespace {

constexpr std::size_t kFewRows = 20;  // words of so few rows may all differ by chance

/// What stands in a column whose kind the config does not say.
class Seen {
 public:
  std::size_t values = 0;
  std::size_t line = 0;  // of the first value that is no number

  void add(std::string_view word, std::size_t at) {
    ++values;
    if (const auto number = parse_double(word)) {
      counts_rows_ = counts_rows_ && is_next(*number);
      ++numbers_;
    } else {
      commas_ += has_decimal_comma(word);
      counts_rows_ = false;
      if (line == 0) line = at;
    }
    if (all_differ_) all_differ_ = words_.emplace(word).second;
    if (!all_differ_) words_.clear();
  }
  bool is_numeric() const { return numbers_ == values; }
  bool is_mistaken() const { return !is_numeric() && 10 * (numbers_ + commas_) >= 9 * values; }
  /// 0, 1, 2, ... or 1, 2, 3, ...
  bool counts_rows() const { return counts_rows_ && values > 1; }
  bool all_differ() const { return all_differ_ && values > kFewRows; }

 private:
  bool is_next(double number) {
    if (values == 1) first_ = number;
    return (first_ == 0 || first_ == 1) && number == first_ + static_cast<double>(values - 1);
  }

  std::size_t numbers_ = 0, commas_ = 0;  // with a decimal point; with a comma
  double first_ = 0;
  bool counts_rows_ = true, all_differ_ = true;
  std::unordered_set<std::string> words_;  // empty once two were the same
};

using Names = std::set<std::string, std::less<>>;

Names names_of(const std::optional<std::vector<std::string>>& list) {
  return list ? Names(list->begin(), list->end()) : Names();
}

class KindFinder {
 public:
  KindFinder(CsvFile& file, const CsvLayout& layout, const std::vector<std::string>& ignored,
             const KnownColumns& known)
      : file_(file), layout_(layout), known_(known), seen_(file.columns().size()) {
    not_features_ = Names(ignored.begin(), ignored.end());
    not_features_.insert(layout.targets.begin(), layout.targets.end());
    named_ = names_of(known.numeric);
    named_.merge(names_of(known.categorical));
    target_ = file.index_of(layout.targets[0]);
    look();
  }

  ColumnKinds find() {
    for (std::size_t i = 0; i < seen_.size(); ++i) add_column(i);
    if (known_.numeric) kinds_.numeric = *known_.numeric;
    if (known_.categorical) kinds_.categorical = *known_.categorical;
    const Seen& target = seen_[target_];
    if (!known_.task && target.is_mistaken()) fail_as_mistaken(target_, "task: classification");
    kinds_.task =
        known_.task.value_or(target.is_numeric() ? CsvTask::regression : CsvTask::classification);
    return std::move(kinds_);
  }

 private:
  bool is_wanted(std::size_t column) const {
    const std::string& name = file_.columns()[column];
    const bool all_known = known_.numeric && known_.categorical;
    return !all_known && !not_features_.contains(name) && !named_.contains(name);
  }

  void look() {
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      if (i == target_ || is_wanted(i)) columns.push_back(i);
    }
    file_.rewind();
    while (file_.next()) {
      for (const std::size_t i : columns) {
        const std::string_view word = file_.row()[i].word();
        if (!layout_.missing_values.contains(word)) seen_[i].add(word, file_.line());
      }
    }
  }

  void add_column(std::size_t i) {
    if (!is_wanted(i)) return;
    const Seen& seen = seen_[i];
    const std::string& name = file_.columns()[i];
    const bool unnamed = !file_.has_name(i);
    if (unnamed && (seen.values == 0 || seen.counts_rows())) {
      kinds_.left_out.push_back("'" + name + "' (without a name, " +
                                (seen.values == 0 ? "and without values)" : "counts the rows)"));
      return;
    }
    if (seen.values == 0) fail_without_value(file_, name);
    if (seen.is_mistaken()) fail_as_mistaken(i, "categorical: [" + name + "]");
    const bool unasked =
        seen.is_numeric() ? known_.numeric.has_value() : known_.categorical.has_value();
    if (unasked) {  // the config lists all of this kind
      kinds_.left_out.push_back(name);
      return;
    }
    if (!seen.is_numeric() && seen.all_differ()) fail_as_names(i);
    if (seen.counts_rows()) {
      kinds_.notes.push_back("column '" + name + "' counts the rows; id: " + name +
                             ", in the source, names them by it in predictions instead of "
                             "learning from it");
    }
    (seen.is_numeric() ? kinds_.numeric : kinds_.categorical).push_back(name);
  }

  [[noreturn]] void fail_as_mistaken(std::size_t column, const std::string& words) {
    file_.return_to(seen_[column].line);
    const std::string word(file_.row()[column].word().substr(0, 40));
    if (has_decimal_comma(word)) file_.number(column);  // fails, with a hint
    file_.fail(column, "'" + word + "' in a column of numbers",
               words + ", in the source, takes all of them as words; missing_values: [..., '" +
                   word + "'] takes this one for a missing value");
  }

  [[noreturn]] void fail_as_names(std::size_t column) {
    const std::string& name = file_.columns()[column];
    throw UserError(
        ExitCode::data,
        file_.path() + ": column '" + name + "' has another word in each of its " +
            std::to_string(seen_[column].values) + " rows, which says nothing of other rows",
        "id: " + name + ", in the source, names the rows by it in predictions; ignore: [" + name +
            "] leaves it out; categorical: [..., " + name + "] makes a feature of each word");
  }

  CsvFile& file_;
  const CsvLayout& layout_;
  const KnownColumns& known_;
  Names not_features_, named_;  // that the config names
  std::size_t target_ = 0;
  std::vector<Seen> seen_;
  ColumnKinds kinds_;
};

}  // namespace

void fail_without_value(const CsvFile& file, const std::string& column) {
  throw UserError(ExitCode::data, file.path() + ": column '" + column + "' has no values",
                  "ignore: [" + column + "], in the source, leaves it out");
}

ColumnKinds find_kinds(CsvFile& file, const CsvLayout& layout,
                       const std::vector<std::string>& ignored, const KnownColumns& known) {
  return KindFinder(file, layout, ignored, known).find();
}

}  // namespace dl
