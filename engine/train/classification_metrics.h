#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dl {

/// How many classes stand before the label's: 0 is a hit, below 5 counts for top-5. Of equal scores
/// the lower class stands first; a label whose score is NaN never hits: its rank is C.
std::size_t label_rank(std::span<const float> scores, std::size_t label);

/// The class with the largest score, of equal ones the lowest; NaN is passed over, and none is left
/// when all are.
std::optional<std::size_t> predicted_class(std::span<const float> scores);

/// How one class fared. What would be divided by zero is zero, as in scikit-learn.
struct ClassScores {
  std::int64_t samples = 0;    // that belong to it
  std::int64_t predicted = 0;  // that were taken for it
  double precision = 0, recall = 0, f1 = 0;
};

/// Counts who was taken for whom. They are whole numbers: no order of adding changes them.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::size_t classes);

  /// `scores` are (N, C), `labels` N integers. A label outside 0..C-1 (an ignore_index) does not
  /// count, nor does a row of nothing but NaN.
  void add(std::span<const float> scores, std::span<const std::int32_t> labels);
  /// One row, of which the label is a class that counts.
  void add(std::span<const float> scores, std::size_t label);

  std::size_t classes() const { return classes_; }
  std::int64_t at(std::size_t label, std::size_t predicted) const {
    return counts_[label * classes_ + predicted];
  }
  /// Rows are true classes, columns predicted ones.
  std::vector<std::vector<std::int64_t>> rows() const;
  std::vector<ClassScores> scores() const;

 private:
  std::size_t classes_;
  std::vector<std::int64_t> counts_;
};

/// What the macro F1 needs of a confusion matrix.
struct ClassCounts {
  std::int64_t hits = 0, samples = 0, predicted = 0;
  bool operator==(const ClassCounts&) const = default;
};
/// Adds a row of scores and its label, which is one of `counts`; ConfusionMatrix counts the same.
void count_class(std::span<const float> scores, std::size_t label, std::span<ClassCounts> counts);
/// Adds what one logit answers to a question: yes above 0, a probability of one half.
void count_answer(float logit, bool positive, ClassCounts& counts);
/// How each of those fared.
std::vector<ClassScores> class_scores(std::span<const ClassCounts> counts);
/// What a mean of F1 is taken over; as scikit-learn's f1_score(average='macro').
enum class F1Mean {
  occurring,  // classes that have samples or were predicted: of one label a sample
  all,        // of several answers a sample, one of which nobody gave counts 0
};
double macro_f1(std::span<const ClassCounts> counts, F1Mean over);
/// The share of right answers to a question, of so many samples; the mean over all questions.
double answer_accuracy(const ClassCounts& counts, std::int64_t samples);
double mean_accuracy(std::span<const ClassCounts> counts, std::int64_t samples);

}  // namespace dl
