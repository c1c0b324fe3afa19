#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/error.h"
#include "engine/graph/graph.h"
#include "layers/loss_util.h"

namespace dl {

/// What the losses of a batch are means of: how many of its targets count, and how much, by labels
/// that are ignored, class weights, masks and lengths. Known from the data, before the batch runs.
class LossWeights {
 public:
  /// `graph` as training sees it; must outlive this.
  explicit LossWeights(const Graph& graph);

  std::size_t count() const { return terms_.size(); }
  /// Whether they differ by a factor at most that no batch changes: then that of any loss says how
  /// much a batch counts among others.
  bool alike() const;
  /// A loss of which the data alone do not tell it; none: there is no such.
  const Node* untold() const;
  /// That of one loss, but for a factor that no batch changes. `tensors` as given to Program::run.
  double of(std::size_t loss, std::span<const void* const> tensors, std::int64_t samples) const;

 private:
  struct Term {
    const Node* node;
    std::size_t rows_per_sample;
    std::int64_t classes;
    Port target, mask;  // those that change it; node -1: none
    std::optional<std::size_t> target_slot = {}, mask_slot = {};
    RowMask rule = {};

    bool told() const { return (target.node < 0 || target_slot) && (mask.node < 0 || mask_slot); }
  };
  static bool alike(const Term& a, const Term& b);

  std::vector<Term> terms_;  // by loss
};

/// Adds to `problems` where batches that make up a step cannot be weighed as one batch would be.
void check_accumulation(const Graph& graph, std::int64_t batches_per_step, const Mark& mark,
                        Problems& problems);

}  // namespace dl
