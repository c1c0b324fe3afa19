#include "engine/train/classification_metrics.h"

#include <cassert>
#include <cmath>

namespace dl {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

ClassScores scores_of(const ClassCounts& counts) {
  ClassScores score{.samples = counts.samples, .predicted = counts.predicted};
  const auto hits = static_cast<double>(counts.hits);
  score.precision = ratio(hits, static_cast<double>(score.predicted));
  score.recall = ratio(hits, static_cast<double>(score.samples));
  score.f1 = ratio(2 * score.precision * score.recall, score.precision + score.recall);
  return score;
}

}  // namespace

std::size_t label_rank(std::span<const float> scores, std::size_t label) {
  const float own = scores[label];
  if (std::isnan(own)) return scores.size();
  std::size_t rank = 0;
  for (std::size_t c = 0; c < scores.size(); ++c)
    rank += scores[c] > own || (scores[c] == own && c < label);
  return rank;
}

std::optional<std::size_t> predicted_class(std::span<const float> scores) {
  std::optional<std::size_t> best;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    if (!std::isnan(scores[c]) && (!best || scores[c] > scores[*best])) best = c;
  }
  return best;
}

ConfusionMatrix::ConfusionMatrix(std::size_t classes)
    : classes_(classes), counts_(classes * classes) {}

void ConfusionMatrix::add(std::span<const float> scores, std::span<const std::int32_t> labels) {
  assert(scores.size() == labels.size() * classes_);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::int32_t label = labels[row];
    if (label >= 0 && static_cast<std::size_t>(label) < classes_)
      add(scores.subspan(row * classes_, classes_), static_cast<std::size_t>(label));
  }
}

void ConfusionMatrix::add(std::span<const float> scores, std::size_t label) {
  if (const auto predicted = predicted_class(scores)) ++counts_[label * classes_ + *predicted];
}

std::vector<std::vector<std::int64_t>> ConfusionMatrix::rows() const {
  std::vector<std::vector<std::int64_t>> rows;
  for (std::size_t c = 0; c < classes_; ++c) {
    const auto begin = counts_.begin() + static_cast<std::ptrdiff_t>(c * classes_);
    rows.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(classes_));
  }
  return rows;
}

std::vector<ClassScores> ConfusionMatrix::scores() const {
  std::vector<ClassScores> scores(classes_);
  for (std::size_t c = 0; c < classes_; ++c) {
    ClassCounts counts{.hits = at(c, c)};
    for (std::size_t other = 0; other < classes_; ++other) {
      counts.samples += at(c, other);
      counts.predicted += at(other, c);
    }
    scores[c] = scores_of(counts);
  }
  return scores;
}

void count_class(std::span<const float> scores, std::size_t label, std::span<ClassCounts> counts) {
  const std::optional<std::size_t> predicted = predicted_class(scores);
  if (!predicted) return;
  ++counts[label].samples;
  ++counts[*predicted].predicted;
  counts[label].hits += *predicted == label;
}

void count_answer(float logit, bool positive, ClassCounts& counts) {
  const bool predicted = logit > 0;
  counts.samples += positive ? 1 : 0;
  counts.predicted += predicted ? 1 : 0;
  counts.hits += predicted && positive ? 1 : 0;
}

std::vector<ClassScores> class_scores(std::span<const ClassCounts> counts) {
  std::vector<ClassScores> scores;
  for (const ClassCounts& one : counts) scores.push_back(scores_of(one));
  return scores;
}

double answer_accuracy(const ClassCounts& counts, std::int64_t samples) {
  const std::int64_t wrong = counts.samples + counts.predicted - 2 * counts.hits;
  return ratio(static_cast<double>(samples - wrong), static_cast<double>(samples));
}

double mean_accuracy(std::span<const ClassCounts> counts, std::int64_t samples) {
  double sum = 0;
  for (const ClassCounts& one : counts) sum += answer_accuracy(one, samples);
  return ratio(sum, static_cast<double>(counts.size()));
}

double macro_f1(std::span<const ClassCounts> counts, F1Mean over) {
  double sum = 0, terms = 0;
  for (const ClassCounts& one : counts) {
    if (over == F1Mean::occurring && one.samples + one.predicted == 0) continue;
    sum += scores_of(one).f1;
    ++terms;
  }
  return ratio(sum, terms);
}

}  // namespace dl
