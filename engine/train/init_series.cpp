#include <algorithm>
#include <filesystem>
#include <functional>

#include "core/error.h"
#include "datasets/series/sequence_table.h"
#include "datasets/series/ts_file.h"
#include "datasets/tables/csv_file.h"
#include "engine/train/config_lines.h"
#include "engine/train/init_data.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostListed = 40;

/// Rows after which what people and weather do comes round again; 0: not known.
std::size_t season_of(double seconds) {
  constexpr double kHour = 3600, kDay = 24 * kHour;
  struct Season {
    double step;
    std::size_t rows;
  };
  constexpr Season kSeasons[] = {{kHour / 4, 96}, {kHour / 2, 48},   {kHour, 24},     {kDay, 7},
                                 {7 * kDay, 52},  {30.4 * kDay, 12}, {91.3 * kDay, 4}};
  for (const Season& season : kSeasons) {
    if (seconds > 0.95 * season.step && seconds < 1.05 * season.step) return season.rows;
  }
  return 0;
}

/// What the dates of a table say.
struct Timing {
  std::string date, pattern;
  std::size_t season = 0;
};

std::vector<double> times_of(CsvFile& file, const SequenceColumns& columns) {
  const std::size_t date = file.index_of(columns.date);
  std::vector<double> times;
  file.rewind();
  while (file.next()) {
    if (const auto time = columns.date_format.parse(file.row()[date].word()))
      times.push_back(*time);
  }
  return times;
}

Timing timing_of(CsvFile& file, const SequenceLayout& layout) {
  const SequenceColumns found = find_sequence_columns(file, layout, {});
  Timing timing{found.date, found.date_format.pattern()};
  if (found.date.empty()) return timing;
  std::vector<double> times = times_of(file, found);
  std::ranges::sort(times);
  if (times.size() > 1)
    timing.season =
        season_of((times.back() - times[0]) / 1e6 / static_cast<double>(times.size() - 1));
  return timing;
}

SequenceLayout plain_layout(const TableSurvey& survey) {
  SequenceLayout layout;
  layout.format = survey.format;
  layout.missing_values = MissingValues(usual_missing_values());
  for (const ColumnSurvey& column : survey.columns) {  // so that words in them are no error
    if (column.is_numeric()) layout.columns.push_back(column.name);
  }
  return layout;
}

std::vector<std::string> columns_of(const TableSurvey& survey, const Timing& timing) {
  std::vector<std::string> columns;
  for (const ColumnSurvey& column : survey.columns) {
    const bool index = !column.named && column.counts_rows;
    if (column.is_numeric() && !index && column.name != timing.date) columns.push_back(column.name);
  }
  return columns;
}

std::string separator_line(const CsvFormat& format, const std::string& margin) {
  if (format.separator == ',') return "";
  return margin + "separator: " +
         (format.separator == '\t' ? "tab" : yaml_string(std::string(1, format.separator))) + "\n";
}

class SequenceWriter {
 public:
  SequenceWriter(const InitData& data, const TableSurvey& survey, Timing timing)
      : data_(data),
        survey_(survey),
        timing_(std::move(timing)),
        columns_(columns_of(survey, timing_)) {
    targets_ = data.target.empty() ? columns_ : std::vector<std::string>{data.target};
    if (std::ranges::find(columns_, targets_.empty() ? "" : targets_[0]) == columns_.end()) {
      throw UserError(ExitCode::command_line,
                      data.target.empty()
                          ? data.path + ": has no column of numbers that could be forecast"
                          : "--target " + data.target + ": is no column of numbers of " + data.path,
                      "its columns of numbers are " + join(columns_, ", "));
    }
    const std::size_t train = survey.rows * 8 / 10;
    const std::size_t wanted = timing_.season > 0 ? 2 * timing_.season : 24;
    window_ = std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(train / 3, 1));
    samples_ = train > window_ ? train - window_ : 1;
    batch_ = std::min<std::size_t>(batch_for(samples_), 32);
    for (const ColumnSurvey& column : survey.columns) {
      if (std::ranges::find(columns_, column.name) != columns_.end()) missing_ += column.missing;
    }
  }

  InitConfig write() {
    head();
    source();
    model();
    return {lines_.take(), summary()};
  }

 private:
  std::string summary() const {
    return fmt::format("the next row of {} from the {} before it, {} rows{}",
                       targets_.size() > 3 ? fmt::format("{} columns", targets_.size())
                                           : "'" + join(targets_, "', '") + "'",
                       window_, survey_.rows,
                       timing_.date.empty() ? "" : " in the order of '" + timing_.date + "'");
  }

  void head() {
    lines_.comment("Forecasts " + summary() + ". Written by dltool init.");
    lines_.comment("");
    lines_.comment("  dltool train " + data_.file);
    lines_.comment("  dltool predict runs/" + data_.name + "-001 " + data_.said +
                   "     # its last line is the forecast beyond the file");
    lines_.line("version: 1");
    lines_.line("name: " + yaml_string(data_.name));
  }

  void source() {
    lines_.line("data:\n  source:\n    csv_sequence:");
    lines_.line("      path: " + yaml_string(data_.said));
    std::string separator = separator_line(survey_.format, "      ");
    if (!separator.empty()) separator.pop_back();
    if (!separator.empty()) lines_.line(separator);
    if (!timing_.date.empty()) {
      lines_.line("      date: " + yaml_string(timing_.date) +
                  ConfigLines::remark("sorts the rows and names the forecasts"));
      lines_.line("      date_format: " + yaml_string(timing_.pattern));
    }
    if (columns_.size() <= kMostListed)
      lines_.line("      columns: " + ConfigLines::list(columns_) +
                  ConfigLines::remark("what the network sees"));
    if (targets_.size() <= kMostListed)
      lines_.line("      targets: " + ConfigLines::list(targets_) +
                  ConfigLines::remark("what is forecast"));
    lines_.line(fmt::format("      window: {}", window_) +
                ConfigLines::remark(
                    timing_.season > 0
                        ? fmt::format("rows that a sample shows: two rounds of {}", timing_.season)
                        : "rows that a sample shows"));
    lines_.line("      horizon: 1" + ConfigLines::remark("rows after them that are forecast"));
    lines_.line("      valid: 0.1" + ConfigLines::remark("of the rows, behind those of train"));
    lines_.line("      test: 0.1" + ConfigLines::remark("the last rows"));
    const std::size_t lag = std::max<std::size_t>(timing_.season, 1);
    lines_.line(fmt::format("      baseline_lag: {}", lag) +
                ConfigLines::remark("a rule to be better than: the value so many rows before"));
    if (missing_ > 0) {
      lines_.line("      missing: previous" +
                  ConfigLines::remark(fmt::format("{} values are missing: the one before each "
                                                  "stands for it",
                                                  missing_)));
    }
    lines_.line(fmt::format("  batch: {}", batch_));
  }

  void model() {
    lines_.line("model:\n  layers:");
    lines_.line("    - gru: {name: rnn, hidden_size: 32, output: last}");
    lines_.line(fmt::format("    - linear: {{name: fc, out_features: {}}}", targets_.size()) +
                ConfigLines::remark("targets times horizon"));
    lines_.line("loss: mse");
    lines_.line("optimizer: {adam: {lr: 0.003}}");
    lines_.line("schedule: {cosine: {by: step}}");
    lines_.line(fmt::format("train: {{epochs: {}, clip: {{norm: 1}}}}",
                            epochs_for(2000, samples_, batch_)));
  }

  const InitData& data_;
  const TableSurvey& survey_;
  Timing timing_;
  std::vector<std::string> columns_, targets_;
  std::size_t window_ = 0, samples_ = 0, batch_ = 0, missing_ = 0;
  ConfigLines lines_;
};

/// The other file of `X_TRAIN.ts`; "": there is none.
std::string test_beside(const std::string& path) {
  const std::size_t at = path.rfind("TRAIN");
  if (at == std::string::npos) return "";
  std::string other = path;
  other.replace(at, std::string("TRAIN").size(), "TEST");
  std::error_code error;
  return fs::exists(other, error) ? other : "";
}

struct Series {
  TsFile file;
  bool missing = false;
};

Series read_series(const std::string& path) {
  try {
    return {read_ts_file(path, TsMissing::error)};
  } catch (const UserError&) {
    return {read_ts_file(path, TsMissing::previous), true};
  }
}

}  // namespace

bool follows_in_time(const std::string& path, const TableSurvey& survey) {
  CsvFile file(path, survey.format);
  try {
    const SequenceColumns found = find_sequence_columns(file, plain_layout(survey), {});
    if (found.date.empty()) return false;
    const std::vector<double> times = times_of(file, found);
    const auto adjoin = [&](auto wrong) {
      return std::ranges::adjacent_find(times, wrong) == times.end();
    };
    return adjoin(std::greater_equal<>()) || adjoin(std::less_equal<>());
  } catch (const UserError&) {
    return false;
  }
}

InitConfig init_sequence(const InitData& data, const TableSurvey& survey) {
  CsvFile file(data.path, survey.format);
  return SequenceWriter(data, survey, timing_of(file, plain_layout(survey))).write();
}

InitConfig init_series(const InitData& data) {
  const Series series = read_series(data.path);
  const TsFile& file = series.file;
  std::size_t longest = 0, shortest = SIZE_MAX;
  for (const TsSeries& one : file.series) {
    longest = std::max(longest, one.length);
    shortest = std::min(shortest, one.length);
  }
  const std::string test = test_beside(data.path), test_said = test_beside(data.said);
  const std::size_t batch = std::min<std::size_t>(batch_for(file.series.size()), 32);
  const std::string summary = fmt::format(
      "{} of series of {} and {}, {} to train on",
      file.regression ? "a number" : fmt::format("one of {} classes", file.classes.size()),
      file.dimensions == 1 ? "one dimension" : fmt::format("{} dimensions", file.dimensions),
      shortest == longest ? fmt::format("{} steps", longest)
                          : fmt::format("{} to {} steps", shortest, longest),
      file.series.size());
  ConfigLines lines;
  lines.comment("Predicts " + summary + ". Written by dltool init.");
  lines.comment("");
  lines.comment("  dltool train " + data.file);
  lines.comment("  dltool predict runs/" + data.name + "-001 NEW.ts");
  lines.line("version: 1\nname: " + yaml_string(data.name));
  lines.line("data:\n  source:\n    ts:\n      train: " + yaml_string(data.said));
  if (!test.empty()) lines.line("      test: " + yaml_string(test_said.empty() ? test : test_said));
  if (series.missing) {
    lines.line("      missing: previous" +
               ConfigLines::remark("some values are missing: the one before each stands for it"));
  }
  lines.line(fmt::format("  batch: {}\n  split: {{valid: 0.2}}", batch) +
             ConfigLines::remark("held out by seed; it says which epoch is best"));
  lines.line("model:\n  layers:");
  lines.line(
      fmt::format("    - lstm: {{name: rnn, hidden_size: 64, bidirectional: true, output: "
                  "last, from: {}}}",
                  shortest == longest ? "data.series" : "[data.series, data.length]"));
  lines.line("    - dropout: {p: 0.3}");
  lines.line(fmt::format("    - linear: {{name: fc, out_features: {}}}",
                         file.regression ? "1" : "$data.classes"));
  lines.line(file.regression ? "loss: mse" : "loss: cross_entropy");
  lines.line("optimizer: {adamw: {lr: 0.003, weight_decay: 0.01}}");
  lines.line("schedule: {cosine: {by: step}}");
  lines.line(fmt::format("train: {{epochs: {}, clip: {{norm: 1}}}}",
                         epochs_for(1000, file.series.size() * 8 / 10, batch)));
  return {lines.take(), summary};
}

}  // namespace dl
