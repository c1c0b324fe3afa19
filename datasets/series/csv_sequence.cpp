#include <cassert>
#include <cmath>

#include "core/install_paths.h"
#include "core/text.h"
#include "datasets/kinds.h"
#include "datasets/series/sequence_table.h"

// Windows over the rows of a table in time order.
namespace dl {

template <>
struct EnumWords<SequenceMissing> {
  static constexpr std::pair<std::string_view, SequenceMissing> words[] = {
      {"error", SequenceMissing::error}, {"previous", SequenceMissing::previous}};
};

namespace {

constexpr std::int64_t kMaxElements = 1 << 24;  // of a sample

struct Params : CsvFormatParams {
  std::string path;
  std::vector<std::string> columns, targets, ignore;
  std::string date, date_format;
  std::int64_t window = 48, horizon = 1, stride = 1;
  double valid = 0.1, test = 0.1;
  ScaleKind scale = ScaleKind::standard;
  bool scale_target = true, header = true;
  SequenceMissing missing = SequenceMissing::error;
  std::vector<std::string> missing_values = usual_missing_values();
  std::int64_t baseline_lag = 0;
  std::vector<double> offsets, scales, target_offsets, target_scales;
};

ParamTable<Params> param_table() {
  ParamTable<Params> table = {
      data_path(required("path", &Params::path,
                         "a CSV file, plain or gzip, a row for each point in time; '@data/...' "
                         "lies in the data folder")),
      with_default("columns", &Params::columns,
                   "what the network sees; defaults to all columns of numbers. Without a header "
                   "they are called 1, 2, ..."),
      with_default("targets", &Params::targets,
                   "the columns whose next values are predicted; defaults to those of `columns`"),
      with_default("date", &Params::date,
                   "the column of dates, or of numbers that count time, by which rows are sorted "
                   "and predictions named; defaults to the first column that holds nothing but "
                   "dates; '' when there is none: the rows stand oldest first"),
      with_default("date_format", &Params::date_format,
                   "how dates are written, as in '%d/%m/%Y %H:%M' (%Y %m %d %H %M %S %y %b %f %z), "
                   "or the word number; defaults to what the file's dates show"),
      with_default("ignore", &Params::ignore,
                   "columns that are left out where those of numbers and dates are found: names, "
                   "or numbers that count the columns from 1"),
      with_default("window", &Params::window, between(1, kMaxElements), "rows that a sample shows")
          .also({"lookback", "sequence_length", "seq_len"}),
      with_default("horizon", &Params::horizon, between(1, kMaxElements),
                   "rows after the window that are predicted"),
      with_default("stride", &Params::stride, between(1, 1LL << 31),
                   "rows from one sample to the next"),
      with_default("valid", &Params::valid, at_least(0),
                   "what validates: a share of the rows, or their number; it follows on train"),
      with_default("test", &Params::test, at_least(0),
                   "what tests: a share of the rows, or their number; the end of the file"),
      with_default(
          "scale", &Params::scale,
          "what each column is scaled to, as fitted on train: mean 0 and deviation 1, 0 to "
          "1, or left"),
      with_default("scale_target", &Params::scale_target,
                   "scale the targets too; metrics and predictions are in the file's units. What "
                   "a loss reads as a probability (bce_with_logits) is never scaled"),
      with_default("header", &Params::header, "the first row holds the columns' names"),
      with_default("missing", &Params::missing,
                   "what a missing value is: an error, or the value before it"),
      with_default("missing_values", &Params::missing_values,
                   "what stands for a missing value; an empty field always does"),
      with_default(
          "baseline_lag", &Params::baseline_lag, between(0, 1LL << 31),
          "not 0: evaluation also reports how far off the value so many rows before is, as "
          "baseline_mae and baseline_rmse"),
      with_default("offsets", &Params::offsets,
                   "a value x of column i becomes (x - offsets[i]) / scales[i]; defaults to what "
                   "is fitted on train"),
      with_default("scales", &Params::scales, above(0), "see offsets"),
      with_default("target_offsets", &Params::target_offsets, "the same of the targets"),
      with_default("target_scales", &Params::target_scales, above(0), "see target_offsets"),
  };
  append(table, csv_format_table());
  return table;
}

class SequenceSource final : public DataSource {
 public:
  SequenceSource(Params params, CsvFormat format) : params_(std::move(params)) {
    layout_.format = format;
    layout_.missing = params_.missing;
    layout_.missing_values = MissingValues(params_.missing_values);
    layout_.date = params_.date;
    layout_.date_format = DateFormat(params_.date_format);
    layout_.window = static_cast<std::size_t>(params_.window);
    layout_.horizon = static_cast<std::size_t>(params_.horizon);
    layout_.stride = static_cast<std::size_t>(params_.stride);
    layout_.baseline_lag = static_cast<std::size_t>(params_.baseline_lag);
    layout_.columns = params_.columns;
    layout_.targets = params_.targets.empty() ? params_.columns : params_.targets;
    layout_.inputs_scaling = {params_.offsets, params_.scales};
    layout_.targets_scaling = {params_.target_offsets, params_.target_scales};
    describe();
  }

  const DataSpec& spec() const override { return layout_.spec; }
  bool has(Split split) const override {
    return split == Split::train || (split == Split::valid ? params_.valid > 0 : params_.test > 0);
  }

  void expect_targets(const TargetRange& range) override { layout_.range = range; }
  void look_up(const DataPaths& paths) override {
    if (!fitted()) find(paths);
    describe();
  }
  std::vector<std::string> notes() const override { return notes_; }

  void complete(ConfigNode& node) const override {
    if (!fitted()) return;
    add_found(node, "columns", layout_.columns);
    add_found(node, "targets", layout_.targets);
    if (!layout_.date.empty()) {
      add_found(node, "date", layout_.date);
      add_found(node, "date_format", layout_.date_format.pattern());
    }
    add_found(node, "offsets", layout_.inputs_scaling.offsets);
    add_found(node, "scales", layout_.inputs_scaling.scales);
    add_found(node, "target_offsets", layout_.targets_scaling.offsets);
    add_found(node, "target_scales", layout_.targets_scaling.scales);
  }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    assert(has(split));
    SequenceSource whole = *this;
    whole.look_up(paths);                                       // nothing, where it was done before
    if (split == Split::train) whole.layout_.baseline_lag = 0;  // it is reported of the others
    CsvFile file(paths.resolve(params_.path), layout_.format, get_hint());
    SequenceTable table = read_sequence_table(file, whole.layout_, true);
    const Stretch stretch = stretch_of(split, table.rows(), table.path);
    return open_sequence(whole.layout_, std::move(table), stretch);
  }

  std::unique_ptr<Dataset> open_file(const std::string& path) const override {
    if (!fitted()) return DataSource::open_file(path);
    return open_new_sequence(layout_, path);
  }

 private:
  bool fitted() const {
    return !layout_.columns.empty() && !layout_.inputs_scaling.empty() &&
           !layout_.targets_scaling.empty() &&
           layout_.date.empty() == layout_.date_format.pattern().empty();
  }

  std::string get_hint() const {
    for (const std::string name : {"electricity", "airline"}) {
      if (params_.path == "@data/" + name + ".csv") return get_data_hint(name);
    }
    return "";
  }

  static std::size_t rows_of(double said, std::size_t rows) {
    return static_cast<std::size_t>(std::round(said < 1 ? said * static_cast<double>(rows) : said));
  }

  /// Splits are stretches in time order. A window may reach back into the stretch before its own:
  /// what it shows was known by then. What it predicts may not.
  Stretch stretch_of(Split split, std::size_t rows, const std::string& path) const {
    const std::size_t valid = rows_of(params_.valid, rows), test = rows_of(params_.test, rows);
    const std::size_t held_out = std::min(rows, valid + test), train = rows - held_out;
    Stretch stretch{0, train};
    if (split == Split::valid) stretch = {train, train + valid};
    if (split == Split::test) stretch = {train + valid, rows};
    const std::size_t needed = layout_.horizon + (split == Split::train ? layout_.window : 0);
    if (valid + test >= rows || stretch.end - stretch.begin < needed) {
      throw UserError(ExitCode::data,
                      path + ": of its " + std::to_string(rows) + " rows " +
                          std::string(split_name(split)) + " gets " +
                          std::to_string(stretch.end - std::min(stretch.begin, stretch.end)) +
                          ", and a single sample needs " + std::to_string(needed),
                      "valid and test, in the source, say how the rows are shared out");
    }
    return stretch;
  }

  void find(const DataPaths& paths) {
    CsvFile file(paths.resolve(params_.path), layout_.format, get_hint());
    find_columns(file);
    const SequenceTable table = read_sequence_table(file, layout_, true);
    const Stretch train = stretch_of(Split::train, table.rows(), table.path);
    if (layout_.inputs_scaling.empty())
      layout_.inputs_scaling = fit(table.inputs, layout_.columns.size(), train, params_.scale);
    if (!layout_.targets_scaling.empty()) return;
    const bool scales = params_.scale_target && !layout_.range;
    layout_.targets_scaling =
        fit(table.values, layout_.targets.size(), train, scales ? params_.scale : ScaleKind::none);
  }

  void find_columns(CsvFile& file) {
    std::vector<std::string> ignored;
    for (const std::string& name : params_.ignore)
      ignored.push_back(file.columns()[file.index_of_name_or_number(name)]);
    if (!layout_.date.empty() && layout_.date_format.pattern().empty())
      layout_.date_format = find_date_format(file, file.index_of(layout_.date));
    const bool listed = !layout_.columns.empty();
    SequenceColumns found = find_sequence_columns(file, layout_, ignored);
    if (!listed) layout_.columns = std::move(found.columns);
    if (layout_.columns.empty())
      throw UserError(ExitCode::data, file.path() + ": has no columns of numbers");
    if (layout_.targets.empty()) layout_.targets = layout_.columns;
    const bool said = !layout_.date.empty();
    layout_.date = found.date;
    layout_.date_format = found.date_format;
    if (listed && (said || found.date.empty())) return;
    notes_ = {guess_text(file.path(), found)};
  }

  std::string guess_text(const std::string& path, const SequenceColumns& found) const {
    std::string text = path + ": columns: " + join(layout_.columns, ", ") +
                       "; predicted: " + join(layout_.targets, ", ") + "; rows in the order of " +
                       (found.date.empty() ? "the file"
                                           : "'" + found.date + "' (written as " +
                                                 found.date_format.pattern() + ")");
    if (!found.left_out.empty()) text += "; left out: " + join(found.left_out, ", ");
    return text;
  }

  static Scaling fit(const std::vector<double>& values, std::size_t columns, Stretch rows,
                     ScaleKind kind) {
    std::vector<ColumnStats> stats(columns);
    for (std::size_t i = rows.begin * columns; i < rows.end * columns; ++i)
      stats[i % columns].add(values[i]);
    Scaling scaling;
    for (const ColumnStats& column : stats) scaling.append(column, kind);
    return scaling;
  }

  /// What is known so far; sizes that are not are 0.
  void describe() {
    const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
    Field value{.name = "value", .shape = {params_.horizon * count(layout_.targets)}};
    for (std::int64_t step = 0; step < params_.horizon; ++step) {
      const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      append(value.scale, layout_.targets_scaling.scales);
      append(value.offset, layout_.targets_scaling.offsets);
    }
    layout_.spec = {.inputs = {{"series", DataType::f32, {params_.window, count(layout_.columns)}}},
                    .targets = {std::move(value)},
                    .feature_names = layout_.columns,
                    .target_names = layout_.targets,
                    .columns = number_columns(layout_.columns, layout_.inputs_scaling),
                    .order = SampleOrder::in_time,
                    .adjoining = params_.stride == params_.window};
  }

  Params params_;
  SequenceLayout layout_;
  std::vector<std::string> notes_;
};

void check_consistency(const ConfigNode& node, const Params& params) {
  const auto fail = [&](const std::string& key, const std::string& message) {
    const ConfigNode* at = node.find(key);
    throw UserError(at ? at->mark() : node.mark(), key + ": " + message);
  };
  const auto columns = static_cast<std::int64_t>(std::max<std::size_t>(params.columns.size(), 1));
  const auto targets = static_cast<std::int64_t>(std::max<std::size_t>(params.targets.size(), 1));
  if (params.window > kMaxElements / columns) fail("window", "a sample has too many values");
  if (params.horizon > kMaxElements / std::max(columns, targets))
    fail("horizon", "a sample has too many values");
  for (const auto& [key, share] :
       {std::pair("valid", params.valid), std::pair("test", params.test)}) {
    if (share >= 1 && share != std::floor(share))
      fail(key, "a share is below 1, a number of rows is whole");
    if (share > 9e15) fail(key, "is too large");
  }
  if (params.baseline_lag > 0 && params.baseline_lag < params.horizon)
    fail("baseline_lag", "is below horizon: such a value is not known yet when it is needed");
  if (!params.date_format.empty()) {
    if (params.date.empty()) fail("date_format", "goes together with date, which names the column");
    const std::string fault = pattern_fault(params.date_format);
    if (!fault.empty()) fail("date_format", fault);
  }
  const auto expect = [&](const std::string& key, std::size_t found, std::size_t wanted) {
    if (found > 0 && found != wanted)
      fail(key, "there are " + std::to_string(found) + " for " + std::to_string(wanted) +
                    " columns, which must be listed");
  };
  const std::size_t said = params.targets.empty() ? params.columns.size() : params.targets.size();
  expect("offsets", params.offsets.size(), params.columns.size());
  expect("scales", params.scales.size(), params.columns.size());
  expect("target_offsets", params.target_offsets.size(), said);
  expect("target_scales", params.target_scales.size(), said);
  if (params.offsets.size() != params.scales.size()) fail("offsets", "goes together with scales");
  if (params.target_offsets.size() != params.target_scales.size())
    fail("target_offsets", "goes together with target_scales");
}

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  check_consistency(node, params);
  const CsvFormat format = csv_format(node, params, params.header);
  return std::make_unique<SequenceSource>(std::move(params), format);
}

}  // namespace

DataKind csv_sequence_kind() {
  return {"csv_sequence",
          "a table whose rows follow in time: windows, and what comes after them",
          specs_of(param_table()),
          make,
          {"time_series", "timeseries", "series"}};
}

}  // namespace dl
