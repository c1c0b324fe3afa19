#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/error.h"
#include "datasets/checksum.h"
#include "datasets/series/sequence_table.h"

// Windows over the rows of a table as samples.
namespace dl {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

class SequenceDataset final : public Dataset {
 public:
  /// Of the samples the first predicts row `first`, the last what is before or at row `last`.
  SequenceDataset(const SequenceLayout& layout, SequenceTable table, std::size_t first,
                  std::size_t last)
      : layout_(layout), table_(std::move(table)), first_(first) {
    assert(first_ >= layout_.window && last >= first_);
    size_ = (last - first_) / layout_.stride + 1;
    inputs_ = scaled(table_.inputs, layout_.inputs_scaling);
    if (table_.has_targets) targets_ = scaled(table_.values, layout_.targets_scaling);
    measure_baseline();
    table_.inputs = table_.values = {};
  }

  const DataSpec& spec() const override { return layout_.spec; }
  std::size_t size() const override { return size_; }
  bool has_targets() const override { return table_.has_targets; }
  std::string sample_name(std::size_t index) const override {
    const std::size_t row = row_of(index);
    return row < table_.rows()
               ? table_.path + ":" + std::to_string(table_.lines[row])
               : table_.path + ": after line " + std::to_string(table_.lines.back());
  }
  /// The date of the first row that is predicted.
  std::string sample_id(std::size_t index) const override {
    return table_.dates.empty() ? std::string() : table_.dates[row_of(index)];
  }
  std::vector<std::string> notes() const override { return table_.notes; }
  std::vector<std::pair<std::string, double>> baselines() const override { return baselines_; }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size_);
    const std::size_t row = row_of(index);
    const std::size_t columns = layout_.columns.size(), targets = layout_.targets.size();
    std::copy_n(inputs_.data() + (row - layout_.window) * columns, layout_.window * columns,
                reinterpret_cast<float*>(out[0].data()));
    auto* values = reinterpret_cast<float*>(out[1].data());
    const std::size_t known = std::min(targets_.size(), (row + layout_.horizon) * targets);
    for (std::size_t i = row * targets; i < known; ++i) *values++ = targets_[i];
    std::fill(values, reinterpret_cast<float*>(out[1].data()) + layout_.horizon * targets,
              kUnknown);
  }

  std::string fingerprint() const override {
    char text[80];
    std::snprintf(text, sizeof text, "%zu windows of %zu rows, crc32 %08lx", size_, table_.rows(),
                  static_cast<unsigned long>(checksum(checksum(0, inputs_), targets_)));
    return text;
  }

 private:
  /// The first row that a sample predicts.
  std::size_t row_of(std::size_t index) const { return first_ + index * layout_.stride; }

  static std::vector<float> scaled(const std::vector<double>& values, const Scaling& scaling) {
    std::vector<float> result;
    result.reserve(values.size());
    const std::size_t columns = scaling.scales.size();
    for (std::size_t i = 0; i < values.size(); ++i)
      result.push_back(scaling.apply(i % columns, values[i]));
    return result;
  }

  /// How far off "as it was `baseline_lag` rows before" is, over what the samples predict.
  void measure_baseline() {
    const std::size_t targets = layout_.targets.size(), lag = layout_.baseline_lag;
    if (lag == 0 || !table_.has_targets) return;
    double count = 0, absolute = 0, squared = 0;
    std::size_t rows = 0, without = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const std::size_t end = std::min(row_of(i) + layout_.horizon, table_.rows());
      rows += end - row_of(i);
      without += std::clamp(lag, row_of(i), end) - row_of(i);
      for (std::size_t k = std::max(row_of(i), lag) * targets; k < end * targets; ++k) {
        const double difference = table_.values[k] - table_.values[k - lag * targets];
        ++count;
        absolute += std::abs(difference);
        squared += difference * difference;
      }
    }
    if (without > 0) note_rows_without(without, rows);
    if (count > 0)
      baselines_ = {{"baseline_mae", absolute / count},
                    {"baseline_rmse", std::sqrt(squared / count)}};
  }

  void note_rows_without(std::size_t without, std::size_t rows) {
    const std::string lag = std::to_string(layout_.baseline_lag);
    table_.notes.push_back(
        table_.path + ": baseline_lag: " +
        (without == rows
             ? "there is no baseline: none of the " + std::to_string(rows) +
                   " rows that are predicted has another " + lag + " rows before it"
             : "the baseline leaves out " + std::to_string(without) + " of the " +
                   std::to_string(rows) + " values that are predicted, which have no row " + lag +
                   " rows before them"));
  }

  SequenceLayout layout_;
  SequenceTable table_;  // without its numbers
  std::size_t first_, size_ = 0;
  std::vector<float> inputs_, targets_;  // scaled, row by row
  std::vector<std::pair<std::string, double>> baselines_;
};

}  // namespace

std::unique_ptr<Dataset> open_sequence(const SequenceLayout& layout, SequenceTable table,
                                       Stretch stretch) {
  const std::size_t first = std::max(stretch.begin, layout.window);
  if (first + layout.horizon > stretch.end) {
    throw UserError(ExitCode::data, table.path + ": too few rows stand before row " +
                                        std::to_string(stretch.end) + " for a window of " +
                                        std::to_string(layout.window));
  }
  return std::make_unique<SequenceDataset>(layout, std::move(table), first,
                                           stretch.end - layout.horizon);
}

std::unique_ptr<Dataset> open_new_sequence(const SequenceLayout& layout, const std::string& path) {
  CsvFile file(path, layout.format);
  SequenceTable table = read_sequence_table(file, layout, false);
  const std::size_t rows = table.rows();
  if (rows < layout.window) {
    throw UserError(ExitCode::data, path + ": has " + std::to_string(rows) +
                                        " rows, fewer than a window of " +
                                        std::to_string(layout.window));
  }
  // Counted from the end, so that the last rows are looked at whatever the stride is.
  const std::size_t first = layout.window + (rows - layout.window) % layout.stride;
  return std::make_unique<SequenceDataset>(layout, std::move(table), first, rows);
}

}  // namespace dl
