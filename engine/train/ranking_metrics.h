#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dl {

/// How well scores put what is true before what is not, as scikit-learn has it: roc_auc_score and
/// average_precision_score. None: not defined, as all are true, or none is, or a score is NaN.
struct RankingScores {
  std::optional<double> auc, average_precision;
};

struct ScoredSample {
  float score;
  bool positive;
};
/// Puts `samples` into another order. Equal scores stand for no order: each pair of them counts
/// half.
RankingScores rank_samples(std::span<ScoredSample> samples);

/// The means over those that are defined; none: no one is.
RankingScores macro_average(std::span<const RankingScores> rankings);

/// The scores of an evaluation: a ranking needs all of them at once. Room for them is taken when it
/// is made.
class KeptScores {
 public:
  /// Of `rows` rows at most, with a score for each of `columns` classes.
  KeptScores(std::size_t rows, std::size_t columns);
  static std::size_t bytes(std::size_t rows, std::size_t columns);

  /// The next score of the row: one for each column, in turn.
  void add(float score, bool positive) {
    scores_.push_back(score);
    positive_.push_back(positive ? 1 : 0);
  }
  /// A row of class scores: the logarithms of their softmax, each with whether it is the label's;
  /// of two classes only the second's, as the first's is its opposite.
  void add_classes(std::span<const float> scores, std::size_t label);
  /// Of each column. `opposite`: of the samples that are not positive, by the negated scores.
  std::vector<RankingScores> rankings(bool opposite = false) const;

 private:
  std::size_t columns_;
  std::vector<float> scores_;           // row by row
  std::vector<std::uint8_t> positive_;  // likewise
};

}  // namespace dl
