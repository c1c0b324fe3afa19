#include <algorithm>
#include <cassert>
#include <set>

#include "datasets/csv_table.h"
#include "datasets/kinds.h"
#include "engine/core/text.h"

// Tables: a sample a row.
namespace dl {

template <>
struct EnumWords<CsvMissing> {
  static constexpr std::pair<std::string_view, CsvMissing> words[] = {
      {"error", CsvMissing::error}, {"mean", CsvMissing::mean}, {"drop", CsvMissing::drop}};
};
template <>
struct EnumWords<CsvTask> {
  static constexpr std::pair<std::string_view, CsvTask> words[] = {
      {"classification", CsvTask::classification}, {"regression", CsvTask::regression}};
};

namespace {

/// One name or several.
struct Names {
  std::vector<std::string> all;
};

}  // namespace

template <>
struct ValueType<Names> {
  static std::string name() { return "string or list of string"; }
  static Names read(const ConfigNode& node, const Limits& limits) {
    if (!node.is_list()) return {{ValueType<std::string>::read(node, limits)}};
    return {ValueType<std::vector<std::string>>::read(node, limits)};
  }
  static std::string text(const Names&) { return ""; }
};

namespace {

constexpr std::size_t kMaxFeatures = std::size_t{1} << 20;
using Strings = std::vector<std::string>;

struct Params {
  std::string path, train, valid, test;
  Names target;
  std::optional<CsvTask> task;
  std::optional<Strings> numeric, categorical;
  Strings ignore;
  CsvMissing missing = CsvMissing::error;
  Strings missing_values = usual_missing_values();
  ScaleKind scale = ScaleKind::standard;
  bool scale_target = true;
  std::string separator = ",";
  bool header = true;
  std::vector<Strings> categories;
  Strings classes;
  std::vector<double> offsets, scales, fill, target_offsets, target_scales;
};

ParamTable<Params> file_rows() {
  return {
      data_path(
          with_default(
              "path", &Params::path,
              "a CSV file, plain or gzip, all of it train; '@data/...' lies in the data folder"))
          .also({"file", "filename"}),
      data_path(
          with_default("train", &Params::train, "instead of path, where there are several files")),
      data_path(with_default("valid", &Params::valid, "a file; '' when there is none")),
      data_path(with_default("test", &Params::test, "a file; '' when there is none")),
      required("target", &Params::target, "the column, or columns, that are predicted")
          .also({"label", "labels", "label_column", "target_column", "y"}),
      with_default("task", &Params::task,
                   "classification predicts one of the target's values, regression its number; "
                   "unless said regression where train's target holds nothing but numbers"),
      with_default("numeric", &Params::numeric, "columns of numbers; found in train unless said"),
      with_default("categorical", &Params::categorical,
                   "columns of words, each of which becomes a 0 or 1; found in train unless said"),
      with_default("ignore", &Params::ignore,
                   "columns that are left out where those of numbers or words are found in train"),
      with_default("missing", &Params::missing,
                   "what a missing number is: an error, train's mean, or a reason to leave the row "
                   "out. A missing word is none of the categories"),
      with_default("missing_values", &Params::missing_values, "what stands for a missing value"),
      with_default(
          "scale", &Params::scale,
          "what columns of numbers are scaled to, as fitted on train: mean 0 and deviation "
          "1, 0 to 1, or left"),
      with_default("scale_target", &Params::scale_target,
                   "scale a regression's target too; metrics and predictions are in its own units"),
      with_default("separator", &Params::separator, "one character, or the word tab")
          .also({"sep", "delimiter"}),
      with_default("header", &Params::header,
                   "the first row holds the columns' names; otherwise they are called 1, 2, ..."),
  };
}

/// What a run keeps of what was found in train.
ParamTable<Params> found_rows() {
  return {
      with_default("categories", &Params::categories,
                   "the words of each categorical column; found in train unless said"),
      with_default("classes", &Params::classes,
                   "the target's values in the order of the labels; found in train unless said"),
      with_default("offsets", &Params::offsets,
                   "x of numeric column i becomes (x - offsets[i]) / scales[i]; fitted on train "
                   "unless said"),
      with_default("scales", &Params::scales, above(0), "see offsets"),
      with_default("fill", &Params::fill, "what missing: mean puts into each numeric column"),
      with_default("target_offsets", &Params::target_offsets,
                   "as offsets, of a regression's targets"),
      with_default("target_scales", &Params::target_scales, above(0), "see target_offsets"),
  };
}

ParamTable<Params> param_table() {
  ParamTable<Params> table = file_rows();
  for (Param<Params>& row : found_rows()) table.push_back(std::move(row));
  return table;
}

std::string listed(const Strings& names) {
  constexpr std::size_t kListed = 20;
  if (names.empty()) return "none";
  if (names.size() <= kListed) return join(names, ", ");
  return join(std::span(names).first(kListed), ", ") + ", ... (" + std::to_string(names.size()) +
         ")";
}

class CsvSource final : public DataSource {
 public:
  CsvSource(Params params, char separator) : params_(std::move(params)) {
    layout_.format = {separator, params_.header};
    describe();
  }

  const DataSpec& spec() const override { return layout_.spec; }
  bool has(Split split) const override { return !file_of(split).empty(); }

  void look_up(const DataPaths& paths) override {
    if (!fitted()) find(paths);
    describe();
  }

  std::vector<std::string> notes() const override { return notes_; }

  void complete(ConfigNode& node) const override {
    if (!fitted()) return;
    add_found(node, "task", std::string(EnumWords<CsvTask>::words[layout_.regression()].first));
    add_found(node, "numeric", *params_.numeric);
    add_found(node, "categorical", *params_.categorical);
    add_found(node, "categories", params_.categories);
    add_found(node, "offsets", params_.offsets);
    add_found(node, "scales", params_.scales);
    if (params_.missing == CsvMissing::mean) add_found(node, "fill", params_.fill);
    if (layout_.regression()) {
      add_found(node, "target_offsets", params_.target_offsets);
      add_found(node, "target_scales", params_.target_scales);
    } else {
      add_found(node, "classes", params_.classes);
    }
  }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    assert(has(split));
    CsvSource whole = *this;
    whole.look_up(paths);  // nothing, where it was done before
    CsvFile file(paths.resolve(file_of(split)), layout_.format);
    return open_csv(whole.layout_, file, false);
  }

  std::unique_ptr<Dataset> open_file(const std::string& path) const override {
    if (!fitted()) return DataSource::open_file(path);
    CsvFile file(path, layout_.format);
    return open_csv(layout_, file, true);
  }

 private:
  bool columns_known() const {
    return params_.numeric && params_.categorical &&
           params_.categories.size() == params_.categorical->size();
  }
  bool fitted() const {
    if (!params_.task || !columns_known()) return false;
    const std::size_t numeric = params_.numeric->size();
    if (params_.scales.size() != numeric) return false;
    if (params_.missing == CsvMissing::mean && params_.fill.size() != numeric) return false;
    return layout_.regression() ? !params_.target_scales.empty() : !params_.classes.empty();
  }
  const std::string& file_of(Split split) const {
    if (split == Split::train) return params_.path.empty() ? params_.train : params_.path;
    return split == Split::valid ? params_.valid : params_.test;
  }

  /// Adds what the config leaves open.
  void find(const DataPaths& paths) {
    CsvFile file(paths.resolve(file_of(Split::train)), layout_.format);
    const bool guessed = !params_.numeric || !params_.categorical || !params_.task;
    if (guessed) find_columns(file);
    describe();
    const ColumnContents found = find_contents(file, layout_);
    if (params_.categories.empty()) params_.categories = found.categories;
    if (!layout_.regression() && params_.classes.empty()) params_.classes = found.classes;
    std::size_t features = layout_.numeric.size();
    for (const Strings& words : params_.categories) features += words.size();
    if (features < 1 || features > kMaxFeatures) {
      throw UserError(ExitCode::data, file.path() + ": the columns come to " +
                                          std::to_string(features) + " features, expected 1 to " +
                                          std::to_string(kMaxFeatures));
    }
    fit(found);
    if (guessed) notes_ = {guess_text(file.path(), found.classes.size())};
  }

  /// What a user should look at, since a guess may be wrong.
  std::string guess_text(const std::string& path, std::size_t classes) const {
    Strings words;
    for (std::size_t i = 0; i < layout_.categorical.size(); ++i)
      words.push_back(layout_.categorical[i] + " (" + std::to_string(params_.categories[i].size()) +
                      " words)");
    return path + ": numeric: " + listed(layout_.numeric) + "; categorical: " + listed(words) +
           "; target: " + listed(layout_.targets) +
           (layout_.regression() ? " (regression)" : " (" + std::to_string(classes) + " classes)");
  }

  void fit(const ColumnContents& found) {
    Scaling numbers, values;
    for (const ColumnStats& stats : found.numbers) numbers.append(stats, params_.scale);
    const ScaleKind kind = params_.scale_target ? params_.scale : ScaleKind::none;
    for (const ColumnStats& stats : found.values) values.append(stats, kind);
    if (params_.scales.empty()) {
      params_.offsets = numbers.offsets;
      params_.scales = numbers.scales;
    }
    if (params_.fill.empty()) {
      for (const ColumnStats& stats : found.numbers) params_.fill.push_back(stats.mean());
    }
    if (layout_.regression() && params_.target_scales.empty()) {
      params_.target_offsets = values.offsets;
      params_.target_scales = values.scales;
    }
  }

  void find_columns(CsvFile& file) {
    Strings passed_over = params_.ignore;
    for (const auto& said : {params_.numeric, params_.categorical}) {
      if (said) passed_over.insert(passed_over.end(), said->begin(), said->end());
    }
    for (const Strings* names : {&layout_.targets, &passed_over}) {
      for (const std::string& name : *names) file.index_of(name);  // a mistyped one is told now
    }
    if (params_.numeric && params_.categorical) passed_over = file.columns();
    const ColumnKinds kinds = find_kinds(file, layout_, passed_over, !params_.task);
    if (!params_.task)
      params_.task = kinds.numeric_target ? CsvTask::regression : CsvTask::classification;
    if (!params_.numeric) params_.numeric = kinds.numeric;
    if (!params_.categorical) params_.categorical = kinds.categorical;
  }

  /// What the parameters say so far; a number of features that is not known is 0.
  void describe() {
    layout_.missing = params_.missing;
    layout_.missing_values = params_.missing_values;
    layout_.numeric = params_.numeric.value_or(Strings{});
    layout_.categorical = params_.categorical.value_or(Strings{});
    layout_.targets = params_.target.all;
    layout_.categories = params_.categories;
    layout_.fill = params_.fill;
    layout_.numbers = {params_.offsets, params_.scales};
    layout_.values = {params_.target_offsets, params_.target_scales};
    layout_.task = params_.task.value_or(CsvTask::classification);
    const bool known = params_.task && columns_known();
    std::size_t features = known ? layout_.numeric.size() : 0;
    if (known) {
      for (const Strings& words : layout_.categories) features += words.size();
    }
    layout_.spec = {.inputs = {{"features", DataType::f32, {static_cast<std::int64_t>(features)}}},
                    .targets = {{"label", DataType::s32, {}}}};
    if (known) layout_.spec.feature_names = feature_names();
    if (fitted()) layout_.spec.columns = columns();
    if (layout_.regression()) layout_.spec.target_names = layout_.targets;
    if (layout_.regression()) {
      layout_.spec.targets = {{.name = "value",
                               .shape = {static_cast<std::int64_t>(layout_.targets.size())},
                               .scale = params_.target_scales,
                               .offset = params_.target_offsets}};
    } else if (!params_.classes.empty()) {
      layout_.spec.classes = static_cast<std::int64_t>(params_.classes.size());
      layout_.spec.class_names = params_.classes;
    }
  }

  std::vector<DataColumn> columns() const {
    std::vector<DataColumn> all = number_columns(layout_.numeric, layout_.numbers);
    for (std::size_t i = 0; i < all.size() && params_.missing == CsvMissing::mean; ++i)
      all[i].fill = params_.fill[i];
    for (std::size_t i = 0; i < layout_.categorical.size(); ++i)
      all.push_back({.name = layout_.categorical[i], .words = layout_.categories[i]});
    return all;
  }

  Strings feature_names() const {
    Strings names = layout_.numeric;
    for (std::size_t i = 0; i < layout_.categorical.size(); ++i) {
      for (const std::string& word : layout_.categories[i])
        names.push_back(layout_.categorical[i] + "=" + word);
    }
    return names;
  }

  Params params_;
  CsvLayout layout_;
  Strings notes_;
};

/// Throws at the key, or where the whole entry stands.
[[noreturn]] void fail(const ConfigNode& node, const std::string& key, const std::string& message) {
  const ConfigNode* at = node.find(key);
  throw UserError(at ? at->mark() : node.mark(), key + ": " + message);
}

void check_names(const ConfigNode& node, const Params& params) {
  std::set<std::string> seen;
  const auto check = [&](const std::string& key, const Strings& names) {
    for (const std::string& name : names) {
      if (!seen.insert(name).second)
        fail(node, key,
             "'" + name + "' is named twice, as target, numeric, categorical or ignored");
    }
  };
  check("target", params.target.all);
  check("numeric", params.numeric.value_or(Strings{}));
  check("categorical", params.categorical.value_or(Strings{}));
  check("ignore", params.ignore);
  if (std::set(params.classes.begin(), params.classes.end()).size() != params.classes.size())
    fail(node, "classes", "a name stands here twice");
}

void check_counts(const ConfigNode& node, const Params& params) {
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

void check_consistency(const ConfigNode& node, Params& params) {
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

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  check_consistency(node, params);
  const ConfigNode* separator = node.find("separator");
  const char character =
      csv_separator(params.separator, separator ? separator->mark() : node.mark());
  return std::make_unique<CsvSource>(std::move(params), character);
}

}  // namespace

DataKind csv_kind() {
  return {
      "csv",
      "a table of numbers and words, a sample a row, one or more columns of which are predicted",
      specs_of(param_table()),
      make,
      {"table", "tsv", "dataframe"}};
}

}  // namespace dl
