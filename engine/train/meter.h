#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/batches.h"
#include "engine/graph/graph.h"
#include "engine/plan/program.h"
#include "engine/sinks/sink.h"
#include "engine/train/train_state.h"

namespace dl {

/// Turns the results of programs into sums, and sums into metrics: knows which tensor is the label
/// and what the losses are called.
class Meter {
 public:
  /// `data`: of the samples that the graph gets.
  Meter(const Graph& graph, const DataSpec& data);

  /// Adds what the program computed for a batch. `tensors` as given to Program::run.
  void add(const Program& program, std::span<const void* const> tensors, MetricSums& sums) const;
  /// "loss" first; then each loss by name if there are several; perplexity and bits_per_char of a
  /// stream of tokens; top1, top5 and f1 of a classification (in
  /// training on class probabilities: of the most probable one); mae and rmse of a regression.
  Metrics metrics(const MetricSums& sums, Purpose purpose) const;
  std::vector<std::string> names() const;

  /// Integer labels of the first loss, one a row of the output; none in other tasks.
  std::optional<std::size_t> label_slot() const { return label_slot_; }
  /// Numbers that a regression predicts, as many as the output has; none in other tasks.
  std::optional<std::size_t> value_slot() const { return value_slot_; }

 private:
  void read_classification(const Graph& graph, const DataSpec& data);
  void read_language(const Graph& graph, const DataSpec& data);
  void read_regression(const Graph& graph, const DataSpec& data);
  void add_language(double cross_entropy, Metrics& metrics) const;
  void add_errors(const Program& program, std::span<const void* const> tensors,
                  MetricSums& sums) const;
  std::int32_t label_of(const Program& program, const void* labels, std::size_t row) const;
  static void add_regression(const MetricSums& sums, Metrics& metrics);

  struct LossInfo {
    std::string name;
    float weight;
    bool train_only;
  };
  std::vector<LossInfo> losses_;
  std::optional<std::size_t> label_slot_;  // among the graph's inputs
  std::size_t classes_ = 0;                // of the output
  bool soft_labels_ = false;               // in training labels are class probabilities
  bool with_f1_ = false;                   // the data has classes
  std::optional<std::size_t> value_slot_;  // of a regression's target, among the graph's inputs
  std::vector<double> value_scale_;        // of each place of its last axis, or of all
  std::optional<std::size_t> token_loss_;  // the cross entropy of the next token
  /// Where smoothing or weights change that: its plain form's place among the sums, behind the
  /// losses.
  std::optional<std::size_t> plain_loss_;
  std::string bits_name_;  // "bits_per_char"; "": words have none
};

/// The data pointers of a batch in the order of the graph's input nodes. Sized once, filled each
/// step.
void point_at(const Batch& batch, std::vector<const void*>& tensors);

}  // namespace dl
