#include <algorithm>
#include <cassert>

#include "core/text.h"
#include "datasets/kinds.h"
#include "datasets/tables/counted.h"
#include "datasets/tables/csv_params.h"

// Tables: a sample a row.
namespace dl {
namespace {

constexpr std::size_t kMaxFeatures = std::size_t{1} << 20;
constexpr std::size_t kManyWords = 20;
using Strings = std::vector<std::string>;

std::string listed(const Strings& names) {
  constexpr std::size_t kListed = 20;
  if (names.empty()) return "none";
  if (names.size() <= kListed) return join(names, ", ");
  return join(std::span(names).first(kListed), ", ") + ", ... (" + std::to_string(names.size()) +
         ")";
}

class CsvSource final : public DataSource {
 public:
  CsvSource(CsvParams params, CsvFormat format) : params_(std::move(params)) {
    layout_.format = format;
    layout_.missing_values = MissingValues(params_.missing_values);
    describe();
  }

  const DataSpec& spec() const override { return layout_.spec; }
  bool has(Split split) const override { return !file_of(split).empty(); }

  void look_up(const DataPaths& paths) override {
    if (!fitted()) find(paths);
    describe();
  }

  void expect_targets(const TargetRange& range) override { layout_.range = range; }

  std::vector<std::string> notes() const override { return notes_; }
  std::optional<Advice> no_classes() const override {
    if (!layout_.regression() || layout_.targets.size() != 1) return std::nullopt;
    return Advice{"the target '" + layout_.targets[0] + "' is predicted as a number",
                  "task: classification, in the source, makes a class of each of its values"};
  }

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
    const Strings ignored = ignored_columns(file);
    ColumnKinds kinds;
    if (guessed) kinds = find_columns(file, ignored);
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
    if (!guessed) return;
    notes_ = {guess_text(file.path(), kinds.left_out)};
    for (const std::string& note : kinds.notes) notes_.push_back(file.path() + ": " + note);
    note_many_words(file.path(), found.rows);
  }

  /// What a user should look at, since a guess may be wrong.
  std::string guess_text(const std::string& path, const Strings& left_out) const {
    Strings words;
    for (std::size_t i = 0; i < layout_.categorical.size(); ++i)
      words.push_back(layout_.categorical[i] + " (" +
                      counted(params_.categories[i].size(), "word") + ")");
    std::string text =
        path + ": numeric: " + listed(layout_.numeric) + "; categorical: " + listed(words) +
        "; target: " + listed(layout_.targets) +
        (layout_.regression() ? " (regression)"
                              : " (" + std::to_string(params_.classes.size()) + " classes)");
    if (!layout_.id.empty()) text += "; id: " + layout_.id;
    if (!left_out.empty()) text += "; left out: " + listed(left_out);
    return text;
  }

  /// Words of which most stand in one row or two say nothing of other rows.
  void note_many_words(const std::string& path, std::size_t rows) {
    for (std::size_t i = 0; i < layout_.categorical.size(); ++i) {
      const std::size_t words = params_.categories[i].size();
      if (words < kManyWords || 2 * words < rows) continue;
      notes_.push_back(path + ": column '" + layout_.categorical[i] + "' has " +
                       std::to_string(words) + " different words in " + std::to_string(rows) +
                       " rows, which become as many features; ignore: [" + layout_.categorical[i] +
                       "], in the source, leaves it out");
    }
  }

  void fit(const ColumnContents& found) {
    Scaling numbers, values;
    for (const ColumnStats& stats : found.numbers) numbers.append(stats, params_.scale);
    const bool scales = params_.scale_target && !layout_.range;
    const ScaleKind kind = scales ? params_.scale : ScaleKind::none;
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

  /// Their names in the file. Throws where it has no such column.
  Strings ignored_columns(const CsvFile& file) const {
    Strings ignored;
    for (const std::string& name : params_.ignore)
      ignored.push_back(file.columns()[file.index_of_name_or_number(name)]);
    return ignored;
  }

  ColumnKinds find_columns(CsvFile& file, Strings ignored) {
    for (const auto& said : {params_.numeric, params_.categorical}) {
      for (const std::string& name : said.value_or(Strings{})) file.index_of(name);
    }
    if (!params_.id.empty()) ignored.push_back(file.columns()[file.index_of(params_.id)]);
    ColumnKinds kinds = find_kinds(
        file, layout_, ignored,
        {.numeric = params_.numeric, .categorical = params_.categorical, .task = params_.task});
    params_.task = kinds.task;
    params_.numeric = kinds.numeric;
    params_.categorical = kinds.categorical;
    return kinds;
  }

  /// What the parameters say so far; a number of features that is not known is 0.
  void describe() {
    layout_.missing = params_.missing;
    layout_.id = params_.id;
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
    if (layout_.regression()) {
      layout_.spec.target_names = layout_.targets;
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

  CsvParams params_;
  CsvLayout layout_;
  Strings notes_;
};

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  CsvParams params = read_csv_params(node);
  const CsvFormat format = csv_format(node, params, params.header);
  return std::make_unique<CsvSource>(std::move(params), format);
}

}  // namespace

DataKind csv_kind() {
  return {
      "csv",
      "a table of numbers and words, a sample a row, one or more columns of which are predicted",
      specs_of(csv_param_table()),
      make,
      {"table", "tsv", "dataframe"}};
}

}  // namespace dl
