#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

/// How numbers are brought to a size that networks like: to mean 0 and standard deviation 1, to the
/// range 0 to 1, or not at all.
enum class ScaleKind { standard, minmax, none };

template <>
struct EnumWords<ScaleKind> {
  static constexpr std::pair<std::string_view, ScaleKind> words[] = {
      {"standard", ScaleKind::standard}, {"minmax", ScaleKind::minmax}, {"none", ScaleKind::none}};
};

/// What is known of a column of numbers once all were added.
class ColumnStats {
 public:
  void add(double value);
  std::int64_t count() const { return count_; }
  double mean() const { return mean_; }
  double min() const { return min_; }
  double max() const { return max_; }
  /// Divided by the count, as scikit-learn's StandardScaler does.
  double deviation() const;

 private:
  std::int64_t count_ = 0;
  double mean_ = 0, squares_ = 0;  // squares of what differs from the mean
  double min_ = std::numeric_limits<double>::infinity(), max_ = -min_;
};

/// x becomes (x - offset) / scale, column by column.
struct Scaling {
  std::vector<double> offsets, scales;

  bool empty() const { return scales.empty(); }
  /// Adds a column. One whose numbers are all the same is only moved.
  void append(const ColumnStats& stats, ScaleKind kind);
  float apply(std::size_t column, double value) const {
    return static_cast<float>((value - offsets[column]) / scales[column]);
  }
};

/// Columns of numbers; none where it is not known how they are scaled.
std::vector<DataColumn> number_columns(const std::vector<std::string>& names,
                                       const Scaling& scaling);

/// "the target is 2.5, but bce_with_logits reads numbers from 0 to 1"; "": it is none of those
/// outside of `range`.
std::string misfit(const std::optional<TargetRange>& range, double target);

/// Adds `key: value` to a source's own entry unless it has that key: for DataSource::complete().
void add_found(ConfigNode& params, std::string_view key, std::int64_t value);
void add_found(ConfigNode& params, std::string_view key, const std::string& text);
void add_found(ConfigNode& params, std::string_view key, const std::vector<double>& values);
void add_found(ConfigNode& params, std::string_view key, const std::vector<std::string>& texts);
void add_found(ConfigNode& params, std::string_view key,
               const std::vector<std::vector<std::string>>& lists);

}  // namespace dl
