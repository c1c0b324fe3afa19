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
  /// stream of tokens; top1 and top5 of a classification.
  Metrics metrics(const MetricSums& sums, Purpose purpose) const;
  std::vector<std::string> names() const;

  /// Integer labels of the first loss, one a row of the output; none in other tasks.
  std::optional<std::size_t> label_slot() const { return label_slot_; }

 private:
  void read_classification(const Graph& graph);
  void read_language(const Graph& graph, const DataSpec& data);
  void add_language(double cross_entropy, Metrics& metrics) const;

  struct LossInfo {
    std::string name;
    float weight;
    bool train_only;
  };
  std::vector<LossInfo> losses_;
  std::optional<std::size_t> label_slot_;  // among the graph's inputs
  std::size_t classes_ = 0;                // of the output
  std::optional<std::size_t> token_loss_;  // the cross entropy of the next token
  std::string bits_name_;                  // "bits_per_char"; "": words have none
};

/// The data pointers of a batch in the order of the graph's input nodes. Sized once, filled each
/// step.
void point_at(const Batch& batch, std::vector<const void*>& tensors);

}  // namespace dl
