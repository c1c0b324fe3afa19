#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

#include "core/install_paths.h"
#include "datasets/checksum.h"
#include "datasets/class_index.h"
#include "datasets/kinds.h"
#include "datasets/series/ts_file.h"
#include "datasets/tables/scaling.h"

// Series of the UCR/UEA archive.
namespace dl {
namespace {

enum class TsTask { classification, regression };

}  // namespace

template <>
struct EnumWords<TsMissing> {
  static constexpr std::pair<std::string_view, TsMissing> words[] = {
      {"error", TsMissing::error}, {"previous", TsMissing::previous}};
};
template <>
struct EnumWords<TsTask> {
  static constexpr std::pair<std::string_view, TsTask> words[] = {
      {"classification", TsTask::classification}, {"regression", TsTask::regression}};
};

namespace {

constexpr std::int64_t kMaxSteps = 1 << 24;

struct Params {
  std::string train, valid, test;
  ScaleKind scale = ScaleKind::standard;
  TsMissing missing = TsMissing::error;
  std::optional<TsTask> task;
  std::optional<std::int64_t> length, dimensions;
  bool equal_lengths = false, scale_target = true;
  std::vector<std::string> classes;
  std::vector<double> offsets, scales, target_offset, target_scale;
};

ParamTable<Params> param_table() {
  return {
      data_path(required("train", &Params::train,
                         "a .ts file, plain or gzip; '@data/...' lies in the data folder")),
      data_path(with_default("valid", &Params::valid, "a file; '' when there is none")),
      data_path(with_default("test", &Params::test, "a file; '' when there is none")),
      with_default(
          "scale", &Params::scale,
          "what each dimension (and a number to predict) is scaled to, as fitted on train: "
          "mean 0 and deviation 1, 0 to 1, or left"),
      with_default("scale_target", &Params::scale_target,
                   "scale a number to predict too; metrics and predictions are in its own units. "
                   "What a loss reads as a probability (bce_with_logits) is never scaled"),
      with_default(
          "missing", &Params::missing,
          "what a ? or nan among the values is: an error, or the value before it (at the beginning "
          "the one after)"),
      with_default("task", &Params::task,
                   "what is predicted; defaults to what train's header says"),
      with_default("length", &Params::length, between(1, kMaxSteps),
                   "steps that a series is padded to with zeros; defaults to those of the longest "
                   "in all files"),
      with_default("equal_lengths", &Params::equal_lengths,
                   "no series needs that; found where length is"),
      with_default("dimensions", &Params::dimensions, between(1, 65536),
                   "values of a step; defaults to those that train has"),
      with_default("classes", &Params::classes,
                   "names in the order of the labels; defaults to those of train's @classLabel"),
      with_default(
          "offsets", &Params::offsets,
          "a value x of dimension i becomes (x - offsets[i]) / scales[i]; defaults to what "
          "is fitted on train"),
      with_default("scales", &Params::scales, above(0), "see offsets"),
      with_default("target_offset", &Params::target_offset,
                   "the same of the number that is predicted"),
      with_default("target_scale", &Params::target_scale, above(0), "see target_offset"),
  };
}

/// What a dataset has to know besides its file.
struct Layout {
  DataSpec spec;
  bool regression = false;
  std::size_t length = 0, dimensions = 0;
  Scaling values, target;
  std::optional<TargetRange> range;  // of the number to predict
};

class TsDataset final : public Dataset {
 public:
  /// `predicting`: series may come without labels.
  TsDataset(Layout layout, TsFile file, bool predicting)
      : layout_(std::move(layout)), file_(std::move(file)), classes_(layout_.spec.class_names) {
    check_form(predicting);
    for (std::size_t i = 0; i < file_.values.size(); ++i)
      file_.values[i] = layout_.values.apply(i % layout_.dimensions, file_.values[i]);
    for (const TsSeries& series : file_.series) read_target(series, predicting);
  }

  const DataSpec& spec() const override { return layout_.spec; }
  std::size_t size() const override { return file_.series.size(); }
  bool has_targets() const override { return file_.labelled || file_.regression; }
  std::string sample_name(std::size_t index) const override {
    return file_.path + ":" + std::to_string(file_.series[index].line);
  }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size());
    const TsSeries& series = file_.series[index];
    auto* steps = reinterpret_cast<float*>(out[0].data());
    const std::size_t used = series.length * layout_.dimensions;
    std::copy_n(file_.values.data() + series.first, used, steps);
    std::fill_n(steps + used, layout_.length * layout_.dimensions - used, 0.0F);
    const auto length = static_cast<std::int32_t>(series.length);
    std::memcpy(out[1].data(), &length, sizeof length);
    if (layout_.regression) {
      std::memcpy(out[2].data(), &numbers_[index], sizeof(float));
    } else {
      std::memcpy(out[2].data(), &labels_[index], sizeof(std::int32_t));
    }
  }

  std::string fingerprint() const override {
    std::vector<std::uint64_t> lengths;
    for (const TsSeries& series : file_.series) lengths.push_back(series.length);
    const unsigned long crc =
        checksum(checksum(checksum(checksum(0, file_.values), lengths), labels_), numbers_);
    char text[64];
    std::snprintf(text, sizeof text, "%zu series, crc32 %08lx", size(), crc);
    return text;
  }

 private:
  [[noreturn]] void fail_at(std::size_t line, std::size_t column,
                            const std::string& message) const {
    throw UserError(ExitCode::data, file_.path + ":" + std::to_string(line) + ":" +
                                        std::to_string(column) + ": " + message);
  }
  [[noreturn]] void fail(const TsSeries& at, const std::string& message) const {
    fail_at(at.line, at.column, message);
  }

  void check_form(bool predicting) const {
    const std::string form = layout_.regression ? "@targetLabel true" : "@classLabel true";
    const bool right = layout_.regression ? file_.regression : file_.labelled;
    if (!right && !(predicting && !has_targets()))
      throw UserError(ExitCode::data, file_.path + ": the header has no line " + form);
    if (file_.dimensions != layout_.dimensions) {
      fail_at(file_.series[0].line, 1,
              "this series has " + std::to_string(file_.dimensions) +
                  (file_.dimensions == 1 ? " dimension" : " dimensions") + ", expected " +
                  std::to_string(layout_.dimensions));
    }
    if (layout_.values.scales.size() != layout_.dimensions) {
      throw UserError(ExitCode::data, file_.path + ": has " + std::to_string(file_.dimensions) +
                                          " dimensions, but the source has " +
                                          std::to_string(layout_.values.scales.size()) + " scales");
    }
    for (const TsSeries& series : file_.series) {
      if (series.length > layout_.length)
        fail(series, "this series has " + std::to_string(series.length) +
                         " steps, more than the source's length, " +
                         std::to_string(layout_.length));
    }
  }

  void read_target(const TsSeries& series, bool predicting) {
    const bool known = layout_.regression ? !std::isnan(series.target) : !series.label.empty();
    if (!known && has_targets() && !predicting) fail(series, "the label is not known ('?')");
    if (layout_.regression) {
      const std::string wrong = predicting ? "" : misfit(layout_.range, series.target);
      if (!wrong.empty()) fail(series, wrong);
      numbers_.push_back(has_targets() ? layout_.target.apply(0, series.target)
                                       : std::numeric_limits<float>::quiet_NaN());
      return;
    }
    const auto label = classes_.find(series.label);
    if (known && !label) {
      fail(series, "the label '" + series.label + "' is none of the classes, " +
                       join(layout_.spec.class_names, ", "));
    }
    labels_.push_back(known ? *label : -1);
  }

  Layout layout_;
  TsFile file_;  // its values scaled
  ClassIndex classes_;
  std::vector<std::int32_t> labels_;
  std::vector<float> numbers_;
};

class TsSource final : public DataSource {
 public:
  explicit TsSource(Params params) : params_(std::move(params)) { describe(); }

  const DataSpec& spec() const override { return layout_.spec; }
  bool has(Split split) const override { return !file_of(split).empty(); }

  void expect_targets(const TargetRange& range) override { layout_.range = range; }
  void look_up(const DataPaths& paths) override {
    find(params_, paths);
    describe();
  }

  void complete(ConfigNode& node) const override {
    if (!params_.task) return;  // the files are not there
    add_found(node, "task", std::string(EnumWords<TsTask>::words[regression() ? 1 : 0].first));
    if (params_.length) add_found(node, "length", *params_.length);
    if (params_.equal_lengths && !node.find("equal_lengths")) {
      node.entries().push_back(
          {"equal_lengths", node.mark(), ConfigNode::scalar("true", node.mark())});
    }
    if (params_.dimensions) add_found(node, "dimensions", *params_.dimensions);
    if (!params_.classes.empty()) add_found(node, "classes", params_.classes);
    if (params_.scales.empty()) return;
    add_found(node, "offsets", params_.offsets);
    add_found(node, "scales", params_.scales);
    if (!regression()) return;
    add_found(node, "target_offset", params_.target_offset);
    add_found(node, "target_scale", params_.target_scale);
  }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    assert(has(split));
    TsSource whole = *this;
    whole.look_up(paths);  // nothing, where it was done before
    return std::make_unique<TsDataset>(whole.layout_, file(file_of(split), paths), false);
  }

  std::unique_ptr<Dataset> open_file(const std::string& path) const override {
    if (!fitted()) return DataSource::open_file(path);
    return std::make_unique<TsDataset>(layout_, read_ts_file(path, params_.missing), true);
  }

 private:
  bool regression() const { return params_.task == TsTask::regression; }
  bool fitted() const {
    return params_.task && params_.length && params_.dimensions && !params_.scales.empty() &&
           (regression() ? !params_.target_scale.empty() : !params_.classes.empty());
  }
  const std::string& file_of(Split split) const {
    return split == Split::train   ? params_.train
           : split == Split::valid ? params_.valid
                                   : params_.test;
  }
  TsFile file(const std::string& said, const DataPaths& paths) const {
    const std::string path = paths.resolve(said);
    return read_ts_file(
        path, params_.missing,
        said.starts_with("@data/japanese_vowels/") ? get_data_hint("japanese_vowels") : "");
  }

  /// Adds what the config leaves open.
  void find(Params& params, const DataPaths& paths) const {
    if (fitted()) return;
    const TsFile train = file(params.train, paths);
    if (!train.labelled && !train.regression) {
      throw UserError(
          ExitCode::data,
          train.path + ": the header has no line @classLabel true and no @targetLabel true");
    }
    if (!params.task) params.task = train.regression ? TsTask::regression : TsTask::classification;
    if (!params.dimensions) params.dimensions = static_cast<std::int64_t>(train.dimensions);
    if (params.classes.empty()) params.classes = train.classes;
    if (!params.length) find_lengths(params, train, paths);
    fit(params, train);
  }

  /// Of the series in all files.
  void find_lengths(Params& params, const TsFile& train, const DataPaths& paths) const {
    std::size_t longest = 0, shortest = kMaxSteps + 1;
    const auto add = [&](const TsFile& file) {
      for (const TsSeries& series : file.series) {
        longest = std::max(longest, series.length);
        shortest = std::min(shortest, series.length);
      }
    };
    add(train);
    for (const Split split : {Split::valid, Split::test}) {
      if (has(split)) add(file(file_of(split), paths));
    }
    if (longest > kMaxSteps)
      throw UserError(ExitCode::data, train.path + ": a series has " + std::to_string(longest) +
                                          " steps, more than " + std::to_string(kMaxSteps));
    params.length = static_cast<std::int64_t>(longest);
    params.equal_lengths = shortest == longest;
  }

  void fit(Params& params, const TsFile& train) const {
    if (params.scales.empty()) {
      std::vector<ColumnStats> columns(train.dimensions);
      for (std::size_t i = 0; i < train.values.size(); ++i)
        columns[i % columns.size()].add(train.values[i]);
      Scaling scaling;
      for (const ColumnStats& stats : columns) scaling.append(stats, params.scale);
      params.offsets = scaling.offsets;
      params.scales = scaling.scales;
    }
    if (params.task != TsTask::regression || !params.target_scale.empty()) return;
    ColumnStats targets;
    for (const TsSeries& series : train.series) {
      if (!std::isnan(series.target)) targets.add(series.target);
      const std::string wrong =
          std::isnan(series.target) ? "" : misfit(layout_.range, series.target);
      if (!wrong.empty()) {
        throw UserError(ExitCode::data, train.path + ":" + std::to_string(series.line) + ":" +
                                            std::to_string(series.column) + ": " + wrong);
      }
    }
    Scaling target;
    const bool scales = params.scale_target && !layout_.range;
    target.append(targets, scales ? params.scale : ScaleKind::none);
    params.target_offset = target.offsets;
    params.target_scale = target.scales;
  }

  /// What the parameters say so far; sizes that are not known are 0.
  void describe() {
    layout_.regression = regression();
    layout_.length = static_cast<std::size_t>(params_.length.value_or(0));
    layout_.dimensions = static_cast<std::size_t>(params_.dimensions.value_or(0));
    layout_.values = {params_.offsets, params_.scales};
    layout_.target = {params_.target_offset, params_.target_scale};
    DataSpec& spec = layout_.spec;
    spec = {.inputs = {{"series",
                        DataType::f32,
                        {params_.length.value_or(0), params_.dimensions.value_or(0)}},
                       {"length", DataType::s32, {}}},
            .targets = {{"label", DataType::s32, {}}},
            .equal_lengths = params_.equal_lengths};
    std::vector<std::string> dimensions;
    for (std::size_t i = 0; i < layout_.values.scales.size(); ++i)
      dimensions.push_back(std::to_string(i + 1));
    spec.columns = number_columns(dimensions, layout_.values);
    if (regression()) {
      spec.targets = {{.name = "value",
                       .shape = {1},
                       .scale = params_.target_scale,
                       .offset = params_.target_offset}};
    } else if (!params_.classes.empty()) {
      spec.classes = static_cast<std::int64_t>(params_.classes.size());
      spec.class_names = params_.classes;
    }
  }

  Params params_;
  Layout layout_;
};

void check_consistency(const ConfigNode& node, Params& params) {
  const auto mark = [&](const char* key) { return node.find(key)->mark(); };
  if (!params.classes.empty() && !params.task) params.task = TsTask::classification;
  if (!params.classes.empty() && params.task == TsTask::regression)
    throw UserError(mark("classes"), "classes: only for task: classification");
  if (std::set(params.classes.begin(), params.classes.end()).size() != params.classes.size())
    throw UserError(mark("classes"), "classes: a name stands here twice");
  if (params.offsets.size() != params.scales.size())
    throw UserError(mark(params.offsets.empty() ? "scales" : "offsets"),
                    "offsets and scales go together, a number of each for every dimension");
  if (params.target_offset.size() > 1 || params.target_scale.size() != params.target_offset.size())
    throw UserError(node.mark(), "target_offset and target_scale go together, a number of each");
  if (!params.scales.empty() && params.dimensions &&
      params.scales.size() != static_cast<std::size_t>(*params.dimensions))
    throw UserError(mark("scales"), "scales: there are " + std::to_string(params.scales.size()) +
                                        " for " + std::to_string(*params.dimensions) +
                                        " dimensions");
}

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  check_consistency(node, params);
  return std::make_unique<TsSource>(std::move(params));
}

}  // namespace

DataKind ts_kind() {
  return {"ts",
          "series of the UCR/UEA archive's format, of one or more dimensions and of any lengths",
          specs_of(param_table()), make};
}

}  // namespace dl
