#include "datasets/tables/scaling.h"

#include <algorithm>
#include <cmath>

namespace dl {
namespace {

void add_node(ConfigNode& params, std::string_view key, ConfigNode value) {
  if (!params.find(key))
    params.entries().push_back({std::string(key), params.mark(), std::move(value)});
}

ConfigNode texts_node(const std::vector<std::string>& texts, const Mark& mark) {
  std::vector<ConfigNode> items;
  for (const std::string& text : texts) items.push_back(ConfigNode::scalar(text, mark, true));
  return ConfigNode::list(std::move(items), mark);
}

}  // namespace

void ColumnStats::add(double value) {
  ++count_;
  const double before = value - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (value - mean_);
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

double ColumnStats::deviation() const {
  return count_ > 0 ? std::sqrt(squares_ / static_cast<double>(count_)) : 0.0;
}

void Scaling::append(const ColumnStats& stats, ScaleKind kind) {
  double offset = 0, scale = 1;
  if (kind == ScaleKind::standard) {
    offset = stats.mean();
    scale = stats.deviation();
  } else if (kind == ScaleKind::minmax) {
    offset = stats.min();
    scale = stats.max() - stats.min();
  }
  // Of equal numbers the deviation may come out as a rounding error.
  const bool constant = stats.min() == stats.max() || scale == 0;
  offsets.push_back(offset);
  scales.push_back(constant ? 1.0 : scale);
}

std::vector<DataColumn> number_columns(const std::vector<std::string>& names,
                                       const Scaling& scaling) {
  std::vector<DataColumn> columns;
  if (scaling.scales.size() != names.size()) return columns;
  for (std::size_t i = 0; i < names.size(); ++i)
    columns.push_back({.name = names[i], .offset = scaling.offsets[i], .scale = scaling.scales[i]});
  return columns;
}

std::string misfit(const std::optional<TargetRange>& range, double target) {
  if (!range || (target >= range->min && target <= range->max)) return "";
  return "the target is " + number_text(target) + ", but " + range->loss + " reads numbers from " +
         number_text(range->min) + " to " + number_text(range->max);
}

void add_found(ConfigNode& params, std::string_view key, std::int64_t value) {
  add_node(params, key, ConfigNode::scalar(std::to_string(value), params.mark()));
}

void add_found(ConfigNode& params, std::string_view key, const std::string& text) {
  add_node(params, key, ConfigNode::scalar(text, params.mark(), true));
}

void add_found(ConfigNode& params, std::string_view key, const std::vector<double>& values) {
  std::vector<ConfigNode> items;
  for (const double value : values)
    items.push_back(ConfigNode::scalar(number_text(value), params.mark()));
  add_node(params, key, ConfigNode::list(std::move(items), params.mark()));
}

void add_found(ConfigNode& params, std::string_view key, const std::vector<std::string>& texts) {
  add_node(params, key, texts_node(texts, params.mark()));
}

void add_found(ConfigNode& params, std::string_view key,
               const std::vector<std::vector<std::string>>& lists) {
  std::vector<ConfigNode> items;
  for (const auto& texts : lists) items.push_back(texts_node(texts, params.mark()));
  add_node(params, key, ConfigNode::list(std::move(items), params.mark()));
}

}  // namespace dl
