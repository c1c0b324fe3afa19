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
  explicit Meter(const Graph& graph);

  /// Adds what the program computed for a batch. `tensors` as given to Program::run.
  void add(const Program& program, std::span<const void* const> tensors, MetricSums& sums) const;
  /// "loss" first; then each loss by name if there are several; top1 and top5 of a classification.
  Metrics metrics(const MetricSums& sums, Purpose purpose) const;
  std::vector<std::string> names() const;

  /// Integer labels of the first loss, one a row of the output; none in other tasks.
  std::optional<std::size_t> label_slot() const { return label_slot_; }

 private:
  struct LossInfo {
    std::string name;
    float weight;
    bool train_only;
  };
  std::vector<LossInfo> losses_;
  std::optional<std::size_t> label_slot_;  // among the graph's inputs
  std::size_t classes_ = 0;                // of the output
};

/// The data pointers of a batch in the order of the graph's input nodes. Sized once, filled each
/// step.
void point_at(const Batch& batch, std::vector<const void*>& tensors);

}  // namespace dl
