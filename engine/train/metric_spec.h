#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

enum class Direction { lower, higher };  // which values are better
enum class Format { number, percentage };

/// What there is to know of a metric: what the console, the log, `compare`, `train.monitor`,
/// `--require` and the names that losses may have go by.
struct MetricSpec {
  std::string name;
  Direction direction = Direction::lower;
  Format format = Format::number;

  bool lower_is_better() const { return direction == Direction::lower; }
  bool operator==(const MetricSpec&) const = default;
};

/// Everything that is measured, besides the single losses: those have the names of the config.
enum class Measure {
  loss,
  perplexity,
  bits_per_char,
  bits_per_byte,
  mae,
  rmse,
  r2,
  top1,
  top5,
  accuracy,
  f1,
  auc,
  average_precision,
  baseline_mae,
  baseline_rmse,
};
const MetricSpec& spec_of(Measure measure);

/// Of a metric in a report or a file, which know it by its name. One that is not among the above is
/// a loss: no loss may have the name of another metric.
MetricSpec metric_spec(const std::string& name);

/// Columns of metrics.jsonl and metrics.csv that hold no metric.
std::span<const std::string_view> report_columns();
/// Those, and the names of all metrics above.
std::vector<std::string> reserved_metric_names();

}  // namespace dl
