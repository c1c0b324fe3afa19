#include "datasets/tables/csv_params.h"

#include <set>

namespace dl {

template <>
struct ValueType<CsvNames> {
  static std::string name() { return "string or list of string"; }
  static CsvNames read(const ConfigNode& node, const Limits& limits) {
    if (!node.is_list()) return {{ValueType<std::string>::read(node, limits)}};
    return {ValueType<std::vector<std::string>>::read(node, limits)};
  }
  static std::string text(const CsvNames&) { return ""; }
};

namespace {

using Strings = std::vector<std::string>;

ParamTable<CsvParams> file_rows() {
  return {
      data_path(
          with_default(
              "path", &CsvParams::path,
              "a CSV file, plain or gzip, all of it train; '@data/...' lies in the data folder"))
          .also({"file", "filename"}),
      data_path(with_default("train", &CsvParams::train,
                             "instead of path, where there are several files")),
      data_path(with_default("valid", &CsvParams::valid, "a file; '' when there is none")),
      data_path(with_default("test", &CsvParams::test, "a file; '' when there is none")),
      required("target", &CsvParams::target, "the column, or columns, that are predicted")
          .also({"label", "labels", "label_column", "target_column", "y"}),
      with_default("task", &CsvParams::task,
                   "classification predicts one of the target's values, regression its number; "
                   "defaults to regression where train's target holds nothing but numbers"),
      with_default("id", &CsvParams::id,
                   "a column that names the rows in predictions and is not learned from; '' when "
                   "there is none"),
      with_default("numeric", &CsvParams::numeric,
                   "columns of numbers; defaults to those that train has"),
      with_default("categorical", &CsvParams::categorical,
                   "columns of words, each of which becomes a 0 or 1; defaults to those that train "
                   "has"),
      with_default("ignore", &CsvParams::ignore,
                   "columns that are left out where those of numbers or words are found in train: "
                   "names, or numbers that count the columns from 1"),
      with_default("missing", &CsvParams::missing,
                   "what a missing number is: an error, train's mean, or a reason to leave the row "
                   "out. A missing word is none of the categories"),
      with_default("missing_values", &CsvParams::missing_values,
                   "what stands for a missing value; an empty field always does"),
      with_default(
          "scale", &CsvParams::scale,
          "what columns of numbers are scaled to, as fitted on train: mean 0 and deviation "
          "1, 0 to 1, or left"),
      with_default("scale_target", &CsvParams::scale_target,
                   "scale a regression's target too; metrics and predictions are in its own units. "
                   "What a loss reads as a probability (bce_with_logits, cross_entropy) is never "
                   "scaled"),
      with_default("header", &CsvParams::header,
                   "the first row holds the columns' names; otherwise they are called 1, 2, ..."),
  };
}

/// What a run keeps of what was found in train.
ParamTable<CsvParams> found_rows() {
  return {
      with_default("categories", &CsvParams::categories,
                   "the words of each categorical column; defaults to those that train has"),
      with_default(
          "classes", &CsvParams::classes,
          "the target's values in the order of the labels; defaults to those that train has"),
      with_default(
          "offsets", &CsvParams::offsets,
          "x of numeric column i becomes (x - offsets[i]) / scales[i]; defaults to what is "
          "fitted on train"),
      with_default("scales", &CsvParams::scales, above(0), "see offsets"),
      with_default("fill", &CsvParams::fill, "what missing: mean puts into each numeric column"),
      with_default("target_offsets", &CsvParams::target_offsets,
                   "as offsets, of a regression's targets"),
      with_default("target_scales", &CsvParams::target_scales, above(0), "see target_offsets"),
  };
}

/// Throws at the key, or where the whole entry stands.
[[noreturn]] void fail(const ConfigNode& node, const std::string& key, const std::string& message) {
  const ConfigNode* at = node.find(key);
  throw UserError(at ? at->mark() : node.mark(), key + ": " + message);
}

void check_names(const ConfigNode& node, const CsvParams& params) {
  std::set<std::string> seen;
  const auto check = [&](const std::string& key, const Strings& names) {
    for (const std::string& name : names) {
      if (!seen.insert(name).second)
        fail(node, key,
             "'" + name + "' is named twice, as target, id, numeric, categorical or ignored");
    }
  };
  check("target", params.target.all);
  if (!params.id.empty()) check("id", {params.id});
  check("numeric", params.numeric.value_or(Strings{}));
  check("categorical", params.categorical.value_or(Strings{}));
  check("ignore", params.ignore);
  if (std::set(params.classes.begin(), params.classes.end()).size() != params.classes.size())
    fail(node, "classes", "a name stands here twice");
}

void check_counts(const ConfigNode& node, const CsvParams& params) {
  const auto expect = [&](const std::string& key, std::size_t found, std::size_t wanted) {
    if (found > 0 && found != wanted)
      fail(node, key,
           "there are " + std::to_string(found) + ", expected " + std::to_string(wanted));
  };
  const std::size_t numeric = params.numeric ? params.numeric->size() : 0;
  const std::size_t categorical = params.categorical ? params.categorical->size() : 0;
  expect("categories", params.categories.size(), categorical);
  expect("scales", params.scales.size(), numeric);
  expect("fill", params.fill.size(), numeric);
  expect("target_scales", params.target_scales.size(), params.target.all.size());
  if (params.offsets.size() != params.scales.size())
    fail(node, "offsets", "goes together with scales");
  if (params.target_offsets.size() != params.target_scales.size())
    fail(node, "target_offsets", "goes together with target_scales");
}

void check_consistency(const ConfigNode& node, CsvParams& params) {
  if (params.path.empty() == params.train.empty())
    fail(node, "path", "give either path or train: the file that is trained on");
  if (params.target.all.empty()) fail(node, "target", "is empty");
  if (params.numeric && params.numeric->empty() && params.categorical &&
      params.categorical->empty())
    fail(node, "numeric", "is empty, and so is categorical: nothing to predict from");
  if (!params.classes.empty() && params.task == CsvTask::regression)
    fail(node, "classes", "only for task: classification");
  if (!params.classes.empty()) params.task = CsvTask::classification;
  if (params.target.all.size() > 1) {
    if (params.task == CsvTask::classification)
      fail(node, "target", "classification predicts one column; several are for task: regression");
    params.task = CsvTask::regression;
  }
  check_names(node, params);
  check_counts(node, params);
}

}  // namespace

ParamTable<CsvParams> csv_param_table() {
  ParamTable<CsvParams> table = file_rows();
  append(table, csv_format_table());
  for (Param<CsvParams>& row : found_rows()) table.push_back(std::move(row));
  return table;
}

CsvParams read_csv_params(const ConfigNode& node) {
  CsvParams params = read_params(node, csv_param_table());
  check_consistency(node, params);
  return params;
}

}  // namespace dl
