#include "engine/train/ranking_metrics.h"

#include <algorithm>
#include <cmath>

namespace dl {
namespace {

/// The mean of the values that there are.
std::optional<double> mean_of(std::span<const RankingScores> rankings,
                              std::optional<double> RankingScores::*value) {
  double sum = 0, count = 0;
  for (const RankingScores& ranking : rankings) {
    if (!(ranking.*value)) continue;
    sum += *(ranking.*value);
    ++count;
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

}  // namespace

RankingScores rank_samples(std::span<ScoredSample> samples) {
  double positives = 0;
  for (const ScoredSample& sample : samples) {
    if (std::isnan(sample.score)) return {};
    positives += sample.positive ? 1 : 0;
  }
  const double negatives = static_cast<double>(samples.size()) - positives;
  if (positives == 0) return {};
  std::ranges::sort(samples, std::ranges::greater{}, &ScoredSample::score);
  double hits = 0, misses = 0, area = 0, precision = 0;
  for (std::size_t i = 0; i < samples.size();) {
    const float score = samples[i].score;
    double hits_here = 0, misses_here = 0;
    for (; i < samples.size() && samples[i].score == score; ++i)
      (samples[i].positive ? hits_here : misses_here) += 1;
    area += misses_here * (hits + hits_here / 2);
    hits += hits_here;
    misses += misses_here;
    precision += hits_here * hits / (hits + misses);
  }
  RankingScores scores{.auc = {}, .average_precision = precision / positives};
  if (negatives > 0) scores.auc = area / (positives * negatives);
  return scores;
}

RankingScores macro_average(std::span<const RankingScores> rankings) {
  return {mean_of(rankings, &RankingScores::auc),
          mean_of(rankings, &RankingScores::average_precision)};
}

KeptScores::KeptScores(std::size_t rows, std::size_t columns) : columns_(columns) {
  scores_.reserve(rows * columns);
  positive_.reserve(rows * columns);
}

std::size_t KeptScores::bytes(std::size_t rows, std::size_t columns) {
  return rows * (columns * (sizeof(float) + 1) + sizeof(ScoredSample));
}

void KeptScores::add_classes(std::span<const float> scores, std::size_t label) {
  if (scores.size() == 2) {
    add(static_cast<float>(static_cast<double>(scores[1]) - scores[0]), label == 1);
    return;
  }
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (const float score : scores) sum += std::exp(score - largest);
  const double log_sum = largest + std::log(sum);
  for (std::size_t c = 0; c < scores.size(); ++c)
    add(static_cast<float>(scores[c] - log_sum), c == label);
}

std::vector<RankingScores> KeptScores::rankings(bool opposite) const {
  std::vector<RankingScores> rankings;
  std::vector<ScoredSample> samples(scores_.size() / columns_);
  for (std::size_t column = 0; column < columns_; ++column) {
    for (std::size_t row = 0; row < samples.size(); ++row) {
      const std::size_t at = row * columns_ + column;
      const float score = scores_[at];
      const bool positive = positive_[at] != 0;
      samples[row] = {opposite ? -score : score, positive != opposite};
    }
    rankings.push_back(rank_samples(samples));
  }
  return rankings;
}

}  // namespace dl
