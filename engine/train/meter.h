#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/batches.h"
#include "engine/graph/graph.h"
#include "engine/plan/program.h"
#include "engine/sinks/sink.h"
#include "engine/train/metric_spec.h"
#include "engine/train/train_state.h"
#include "layers/loss_util.h"

namespace dl {

/// What an evaluation gathers beside its sums; null: it does not, as in training.
struct EvaluationDetails {
  ConfusionMatrix* confusion = nullptr;
  KeptScores* scores = nullptr;
};

/// Turns the results of programs into sums, and sums into metrics: knows which tensors are target
/// and mask, and what the losses are called. What the first loss ignores or masks counts in no
/// metric.
class Meter {
 public:
  /// `data`: of the samples that the graph gets.
  Meter(const Graph& graph, const DataSpec& data);

  /// Adds what the program computed for a batch. `tensors` as given to Program::run.
  void add(const Program& program, std::span<const void* const> tensors, MetricSums& sums,
           const EvaluationDetails& details = {}) const;
  /// In the order of specs(); NaN where it is not defined. In training on class probabilities the
  /// most probable class counts.
  Metrics metrics(const MetricSums& sums, Purpose purpose) const;
  /// What there is in training, or in evaluation: "loss" first; then each loss by name if there are
  /// several; then what goes with the first loss's task (docs/config.md, "Metrics").
  /// `samples`, where they are known: without what so many leave no room for.
  std::vector<MetricSpec> specs(Purpose purpose, std::optional<std::size_t> samples = {}) const;
  /// The names of all of both.
  std::vector<std::string> names() const;
  /// What is watched unless the config says otherwise.
  const MetricSpec& main_metric() const;
  /// Sentences on what is not defined, or left out of a mean, in the metrics of an evaluation.
  std::vector<std::string> undefined(const MetricSums& sums) const;

  /// Scores are kept for rankings, up to a bound; bytes: of so many samples.
  std::size_t score_bytes(std::size_t samples) const;
  std::optional<KeptScores> room_for_scores(std::size_t samples) const;
  /// Of each class or label: sums.rankings.
  std::vector<RankingScores> rankings(const KeptScores& scores) const;

  /// What the first loss judges, where the metrics of its task are known; see there.
  std::optional<LossTask> task() const { return task_; }
  /// Where its target is among the graph's inputs: integer labels, one a row of the output; else as
  /// many numbers as the output has.
  std::size_t target_slot() const { return target_slot_; }
  /// The same of a task: of classes, of numbers; none: it is another.
  std::optional<std::size_t> label_slot() const { return slot_of(LossTask::classes); }
  std::optional<std::size_t> value_slot() const { return slot_of(LossTask::numbers); }
  /// Classes of the output; labels, each for itself; or numbers in its last axis.
  std::size_t width() const { return width_; }
  /// Target i of a yes_no task.
  bool is_positive(const void* targets, std::size_t i) const;
  bool has_integer_target() const { return integer_target_; }

 private:
  struct Entry {
    MetricSpec spec;
    std::optional<std::size_t> loss;  // a single one; else what `measure` says
    Measure measure = Measure::loss;
    bool training = true, evaluation = true;
    bool ranks = false;  // it needs the scores of all samples

    bool is_in(Purpose purpose) const { return purpose == Purpose::train ? training : evaluation; }
  };
  struct LossInfo {
    float weight;
    bool train_only;
  };

  std::optional<std::size_t> slot_of(LossTask task) const {
    return task_ == task ? std::optional(target_slot_) : std::nullopt;
  }
  void read_task(const Graph& graph, const DataSpec& data);
  bool fits_task(const Graph& graph, const Node& loss, const Node& target) const;
  void read_scale(const std::string& target, const DataSpec& data);
  void read_language(const Graph& graph, const DataSpec& data);
  void list_metrics(const Graph& graph);
  void list(Measure measure);
  void list_ranking(Measure measure);
  bool ranks() const;
  std::size_t score_columns() const;
  double value(const Entry& entry, const MetricSums& sums, Purpose purpose) const;
  double total_loss(const MetricSums& sums, Purpose purpose) const;
  RankingScores overall(const MetricSums& sums) const;

  template <class Act>
  void each_row(std::span<const void* const> tensors, std::size_t rows, const Act& act) const;
  void add_labels(const Program& program, std::span<const void* const> tensors, MetricSums& sums,
                  const EvaluationDetails& details) const;
  void add_answers(const Program& program, std::span<const void* const> tensors, MetricSums& sums,
                   const EvaluationDetails& details) const;
  void add_numbers(const Program& program, std::span<const void* const> tensors,
                   MetricSums& sums) const;
  std::int32_t label_of(const Program& program, const void* labels, std::size_t row) const;

  std::vector<LossInfo> losses_;
  std::vector<Entry> entries_;
  std::optional<LossTask> task_;
  std::size_t target_slot_ = 0;           // among the graph's inputs
  std::optional<std::size_t> mask_slot_;  // likewise
  RowMask mask_;
  std::size_t width_ = 0, rows_per_sample_ = 1;
  bool soft_labels_ = false;                  // in training labels are class probabilities
  bool integer_target_ = false;               // of a yes_no task
  std::optional<std::int64_t> ignore_index_;  // the label that does not count
  std::vector<std::string> class_names_;      // of the data's classes or labels; empty: numbers
  bool with_classes_ = false;                 // the data has classes, or the task yes and no
  std::size_t outputs_ = 1;                   // of a regression, each with an R2 of its own
  std::vector<double> value_scale_;           // of each place of its last axis, or of all
  std::optional<std::size_t> token_loss_;     // the cross entropy of the next token
  /// Where smoothing or weights change that: its plain form's place among the sums, behind the
  /// losses.
  std::optional<std::size_t> plain_loss_;
  std::optional<Measure> bits_;  // words have none
};

/// The data pointers of a batch in the order of the graph's input nodes. Sized once, filled each
/// step.
void point_at(const Batch& batch, std::vector<const void*>& tensors);

}  // namespace dl
