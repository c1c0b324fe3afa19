#include <algorithm>

#include "core/error.h"
#include "engine/train/config_lines.h"
#include "engine/train/init_data.h"

namespace dl {
namespace {

constexpr std::size_t kMostListed = 60;         // columns that are named one by one
constexpr std::size_t kMostNumberClasses = 20;  // numbers that are taken for classes
constexpr std::size_t kFewRows = 1000;
constexpr double kSentenceWords = 4;  // from so many words a value on a column is text

const ColumnSurvey& target_of(const TableSurvey& survey, const InitData& data) {
  if (const ColumnSurvey* column = survey.find(data.target)) return *column;
  std::vector<std::string> names;
  for (const ColumnSurvey& column : survey.columns) names.push_back(column.name);
  const bool few = names.size() <= kMostListed;
  throw UserError(ExitCode::command_line,
                  "--target " + data.target + ": " + data.path + " has no such column" +
                      did_you_mean(data.target, names),
                  few ? "its columns are " + join(names, ", ") : "");
}

/// Writes the parts of a config one after the other; a class only so that they share it.
class Writer {
 public:
  Writer(const InitData& data, const TableSurvey& survey)
      : data_(data), survey_(survey), target_(target_of(survey, data)) {
    const bool few_numbers = target_.whole == target_.values &&
                             target_.distinct <= kMostNumberClasses &&
                             10 * target_.distinct <= survey.rows;
    classes_ = !target_.is_numeric() || few_numbers;
    for (const ColumnSurvey& column : survey.columns) sort(column);
    if (numeric_.empty() && categorical_.empty()) fail_without_columns();
    rows_ = survey.rows - target_.missing;
    train_ = rows_ - rows_ / 5;
    batch_ = batch_for(train_);
  }

  InitConfig write() {
    head();
    source();
    model();
    return {lines_.take(), full_summary()};
  }

 private:
  void sort(const ColumnSurvey& column) {
    if (&column == &target_) return;
    const bool index = !column.named && (column.counts_rows || column.values == 0);
    if (column.values == 0 || index) {
      ignored_.push_back(column.name);
    } else if (column.counts_rows && id_.empty()) {
      id_ = column.name;
    } else if (column.is_numeric()) {
      numeric_.push_back(column.name);
      missing_ += column.missing;
    } else if (column.all_differ() && id_.empty()) {
      id_ = column.name;
    } else if (column.all_differ() || column.words_each >= kSentenceWords ||
               (2 * column.distinct > column.values && column.values > 20)) {
      ignored_.push_back(column.name);
    } else {
      categorical_.push_back(column.name);
    }
  }

  [[noreturn]] void fail_without_columns() const {
    std::vector<std::string> names = ignored_;
    if (!id_.empty()) names.insert(names.begin(), id_);
    throw UserError(ExitCode::data,
                    data_.path + ": no column is left to predict '" + target_.name +
                        "' from: " + join(names, ", ") +
                        (names.size() == 1 ? " counts the rows, differs in each, or holds text"
                                           : " count the rows, differ in each, or hold text"),
                    "texts with classes are read by data.source.labelled_text; see "
                    "@configs/own/texts.yaml");
  }

  std::string summary() const {
    return fmt::format("{} from {} columns of numbers and {} of words, {} rows",
                       classes_
                           ? fmt::format("'{}', one of {} classes,", target_.name, target_.distinct)
                           : fmt::format("'{}', a number,", target_.name),
                       numeric_.size(), categorical_.size(), rows_);
  }

  /// With what the config does not read.
  std::string full_summary() const {
    return ignored_.empty() ? summary() : summary() + "; left out: " + join(ignored_, ", ");
  }

  void head() {
    lines_.comment("Predicts " + summary() + ". Written by dltool init.");
    lines_.comment("");
    lines_.comment("  dltool train " + data_.file);
    lines_.comment("  dltool predict runs/" + data_.name + "-001 NEW.csv     # rows without '" +
                   target_.name + "'");
    lines_.line("version: 1");
    lines_.line("name: " + yaml_string(data_.name));
  }

  void source() {
    lines_.line("data:\n  source:\n    csv:");
    lines_.line("      path: " + yaml_string(data_.said) +
                ConfigLines::remark("or train, valid and test: three files"));
    separator();
    lines_.line("      target: " + yaml_string(target_.name));
    task();
    if (!id_.empty()) {
      lines_.line("      id: " + yaml_string(id_) +
                  ConfigLines::remark("differs in every row: names the rows in predictions"));
    }
    columns();
    if (target_.missing > 0) {
      lines_.line("      missing: drop" +
                  ConfigLines::remark(fmt::format("'{}' is missing in {} rows, which are left out, "
                                                  "as are those without a number",
                                                  target_.name, target_.missing)));
    } else if (missing_ > 0) {
      lines_.line("      missing: mean" +
                  ConfigLines::remark(fmt::format("{} numbers are missing: the mean of their "
                                                  "columns stands for them; or drop such rows",
                                                  missing_)));
    }
    lines_.line(fmt::format("  batch: {}", batch_));
    lines_.line("  split: {valid: 0.2}" +
                ConfigLines::remark("held out by seed; it says which epoch is best"));
    if (classes_ && target_.most > 5 * target_.fewest)
      lines_.comment(
          fmt::format("  sampler: balanced     # shows all classes equally often: the "
                      "largest has {} rows, the smallest {}",
                      target_.most, target_.fewest));
  }

  void separator() {
    const char character = survey_.format.separator;
    if (character == ',') return;
    lines_.line("      separator: " +
                (character == '\t' ? "tab" : yaml_string(std::string(1, character))));
  }

  void task() {
    if (classes_) {
      lines_.line("      task: classification" +
                  ConfigLines::remark(target_.is_numeric()
                                          ? fmt::format("'{}' has {} different whole numbers; "
                                                        "regression predicts numbers",
                                                        target_.name, target_.distinct)
                                          : fmt::format("'{}' has {} different words", target_.name,
                                                        target_.distinct)));
    } else {
      lines_.line("      task: regression" +
                  ConfigLines::remark(fmt::format("'{}' holds numbers; classification makes a "
                                                  "class of each",
                                                  target_.name)));
    }
  }

  void columns() {
    if (numeric_.size() + categorical_.size() <= kMostListed) {
      lines_.line("      numeric: " + ConfigLines::list(numeric_) +
                  ConfigLines::remark("scaled to mean 0 and deviation 1"));
      lines_.line("      categorical: " + ConfigLines::list(categorical_) +
                  ConfigLines::remark("a 0 or 1 for each word"));
      if (!ignored_.empty()) lines_.comment("left out: " + join(ignored_, ", "));
    } else if (!ignored_.empty()) {
      lines_.line("      ignore: " + ConfigLines::list(ignored_));
    }
  }

  void model() {
    const bool few = train_ < kFewRows;
    const int hidden = few ? 32 : 128;
    lines_.line("model:\n  layers:");
    for (int i = 0; i < 2; ++i) {
      lines_.line(fmt::format("    - linear: {{out_features: {}}}", hidden));
      lines_.line("    - relu");
      lines_.line(fmt::format("    - dropout: {{p: {}}}", few ? 0.2 : 0.1));
    }
    lines_.line(fmt::format("    - linear: {{name: fc, out_features: {}}}",
                            classes_ ? "$data.classes" : "1"));
    lines_.line(classes_ ? "loss: cross_entropy"
                         : "loss: mse" + ConfigLines::remark("l1 gives outliers less weight"));
    lines_.line("optimizer: {adamw: {lr: 0.003, weight_decay: 0.01}}");
    lines_.line("schedule: {cosine: {by: step}}");
    lines_.line(fmt::format("train: {{epochs: {}}}", epochs_for(2000, train_, batch_)));
  }

  const InitData& data_;
  const TableSurvey& survey_;
  const ColumnSurvey& target_;
  bool classes_ = false;
  std::vector<std::string> numeric_, categorical_, ignored_;
  std::string id_;
  std::size_t rows_ = 0, train_ = 0, batch_ = 0, missing_ = 0;
  ConfigLines lines_;
};

}  // namespace

InitConfig init_table(const InitData& data, const TableSurvey& survey) {
  if (survey.rows < 5) {
    throw UserError(ExitCode::data, data.path + ": has " + std::to_string(survey.rows) +
                                        " rows, too few to learn from");
  }
  return Writer(data, survey).write();
}

}  // namespace dl
