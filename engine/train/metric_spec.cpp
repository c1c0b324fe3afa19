#include "engine/train/metric_spec.h"

#include <algorithm>
#include <array>

namespace dl {
namespace {

constexpr auto kLower = Direction::lower, kHigher = Direction::higher;
constexpr auto kNumber = Format::number, kPercentage = Format::percentage;

/// In the order of Measure.
const std::vector<MetricSpec>& all_specs() {
  static const std::vector<MetricSpec> specs = {
      {"loss", kLower, kNumber},
      {"perplexity", kLower, kNumber},
      {"bits_per_char", kLower, kNumber},
      {"bits_per_byte", kLower, kNumber},
      {"mae", kLower, kNumber},
      {"rmse", kLower, kNumber},
      {"r2", kHigher, kNumber},
      {"top1", kHigher, kPercentage},
      {"top5", kHigher, kPercentage},
      {"accuracy", kHigher, kPercentage},
      {"f1", kHigher, kNumber},
      {"auc", kHigher, kNumber},
      {"average_precision", kHigher, kNumber},
      {"baseline_mae", kLower, kNumber},
      {"baseline_rmse", kLower, kNumber},
  };
  return specs;
}

}  // namespace

const MetricSpec& spec_of(Measure measure) {
  return all_specs()[static_cast<std::size_t>(measure)];
}

MetricSpec metric_spec(const std::string& name) {
  const auto at = std::ranges::find(all_specs(), name, &MetricSpec::name);
  return at == all_specs().end() ? MetricSpec{name} : *at;
}

std::span<const std::string_view> report_columns() {
  static constexpr std::array<std::string_view, 7> columns = {
      "epoch", "step", "split", "lr", "samples_per_second", "seconds", "wait_share"};
  return columns;
}

std::vector<std::string> reserved_metric_names() {
  std::vector<std::string> names(report_columns().begin(), report_columns().end());
  for (const MetricSpec& spec : all_specs()) names.push_back(spec.name);
  return names;
}

}  // namespace dl
