#include "datasets/tables/csv_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "datasets/class_index.h"

namespace dl {
namespace {

constexpr std::size_t kMaxCategories = 1000;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The different values of a column.
class Words {
 public:
  /// False: there are too many.
  bool add(std::string_view word, std::size_t most) {
    if (words_.find(word) == words_.end()) words_.emplace(word);
    return words_.size() <= most;
  }
  std::vector<std::string> all() const { return {words_.begin(), words_.end()}; }
  /// In the order of numbers where all are numbers, else of bytes.
  std::vector<std::string> sorted() const {
    std::vector<std::string> words = all();
    if (std::ranges::all_of(words, [](const auto& word) { return parse_double(word).has_value(); }))
      std::ranges::stable_sort(words, {}, [](const auto& word) { return *parse_double(word); });
    return words;
  }

 private:
  std::set<std::string, std::less<>> words_;
};

std::string too_many(std::size_t most) {
  return "more than " + std::to_string(most) + " different values";
}

}  // namespace

CsvRows::CsvRows(CsvFile& file, const CsvLayout& layout, bool predicting)
    : file_(file), layout_(layout), predicting_(predicting) {
  for (const std::string& name : layout.numeric) numeric_.push_back(file.index_of(name));
  for (const std::string& name : layout.categorical) categorical_.push_back(file.index_of(name));
  unknown_.resize(categorical_.size());
  if (!layout.id.empty()) id_ = predicting ? file.find(layout.id) : file.index_of(layout.id);
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
  return layout_.missing_values.contains(file_.row()[column].word());
}

std::vector<std::string> CsvRows::notes() const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < unknown_.size(); ++i) {
    if (unknown_[i].count > 0)
      parts.push_back("'" + layout_.categorical[i] + "' (" + std::to_string(unknown_[i].count) +
                      ", the first '" + unknown_[i].first + "')");
  }
  if (parts.empty()) return {};
  return {file_.path() + ": words that count as missing, and so are no category, in " +
          join(parts, ", ") + "; missing_values, in the source, lists what counts"};
}

bool CsvRows::read_row() {
  numbers.clear();
  id = id_ ? file_.row()[*id_].word() : std::string_view();
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
  if (!read_targets()) return false;
  read_words();
  return true;
}

void CsvRows::read_words() {
  words.clear();
  for (std::size_t i = 0; i < categorical_.size(); ++i) {
    const std::string_view word = file_.row()[categorical_[i]].word();
    const bool none = layout_.missing_values.contains(word);
    words.push_back(none ? std::string_view() : word);
    if (none && !word.empty() && ++unknown_[i].count == 1) unknown_[i].first = word;
  }
}

bool CsvRows::read_targets() {
  values.clear();
  label = {};
  if (!has_targets_) values.assign(layout_.targets.size(), kNone);
  for (const std::size_t column : targets_) {
    const std::string_view word = file_.row()[column].word();
    const bool none = missing(column);
    if (none && !predicting_) {
      if (layout_.missing == CsvMissing::drop) return false;
      const std::string is_value = value_hint(word);
      file_.fail(column, "the target is missing",
                 is_value.empty() ? "missing: drop, in the source, leaves such rows out"
                                  : is_value + "; missing: drop leaves such rows out");
    }
    if (layout_.regression()) {
      values.push_back(none ? kNone : file_.number(column));
      const std::string wrong = predicting_ ? "" : misfit(layout_.range, values.back());
      if (!wrong.empty()) file_.fail(column, wrong, "loss: mse predicts any number");
    } else if (!none) {
      label = word;
    }
  }
  return true;
}

ColumnContents find_contents(CsvFile& file, const CsvLayout& layout) {
  ColumnContents found;
  found.numbers.resize(layout.numeric.size());
  found.values.resize(layout.targets.size());
  const bool words_known = !layout.categories.empty();
  const bool classes_known = layout.regression() || !layout.spec.class_names.empty();
  std::vector<Words> words(words_known ? 0 : layout.categorical.size());
  Words labels;
  file.rewind();
  CsvRows rows(file, layout);
  for (; rows.next(); ++found.rows) {
    for (std::size_t i = 0; i < rows.numbers.size(); ++i) {
      if (!std::isnan(rows.numbers[i])) found.numbers[i].add(rows.numbers[i]);
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!rows.words[i].empty() && !words[i].add(rows.words[i], kMaxCategories)) {
        const std::string& name = layout.categorical[i];
        rows.fail_at_word(i, too_many(kMaxCategories),
                          "ignore: [" + name + "], in the source, leaves it out; id: " + name +
                              " names the rows by it in predictions");
      }
    }
    for (std::size_t i = 0; i < rows.values.size(); ++i) found.values[i].add(rows.values[i]);
    if (!classes_known && !labels.add(rows.label, kMaxClasses))
      rows.fail_at_label(too_many(kMaxClasses), "task: regression predicts numbers");
  }
  for (std::size_t i = 0; i < found.numbers.size(); ++i) {
    if (found.numbers[i].count() == 0) fail_without_value(file, layout.numeric[i]);
  }
  for (const Words& column : words) found.categories.push_back(column.sorted());
  found.classes = sorted_classes(labels.all());
  return found;
}

}  // namespace dl
