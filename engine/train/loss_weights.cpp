#include "engine/train/loss_weights.h"

#include <algorithm>

namespace dl {

LossWeights::LossWeights(const Graph& graph) {
  const auto shapes = infer_shapes(graph, 1);
  const auto shape_of = [&](const Port& port) { return shapes[port.node][port.output]; };
  for (const int loss : graph.losses) {
    const Node& node = graph.nodes[loss];
    const Shape prediction = shape_of(node.src[0]), target = shape_of(node.src[1]);
    Term term{.node = &node,
              .rows_per_sample = static_cast<std::size_t>(LossRows(prediction).count),
              .classes = prediction.back(),
              .target = {},
              .mask = {}};
    if (node.kind->loss->label_weight && target.rank() < prediction.rank()) {
      term.target = node.src[1];
      term.target_slot = graph.input_slot(term.target.node);
    }
    if (node.src.size() > 2) {
      term.mask = node.src[2];
      term.mask_slot = graph.input_slot(term.mask.node);
      const Node& mask = graph.nodes[term.mask.node];
      term.rule = {.rows_per_number = term.rows_per_sample /
                                      static_cast<std::size_t>(shape_of(term.mask).elements()),
                   .lengths = mask.input && mask.input->integer};
    }
    terms_.push_back(std::move(term));
  }
}

bool LossWeights::alike(const Term& a, const Term& b) {
  if (a.mask != b.mask || a.target != b.target) return false;
  if (a.mask.node >= 0 &&
      (a.rows_per_sample != b.rows_per_sample || a.rule.rows_per_number != b.rule.rows_per_number))
    return false;
  if (a.target.node < 0) return true;
  const auto weight = [](const Term& term, std::int64_t label) {
    return term.node->kind->loss->label_weight(*term.node->layer, label);
  };
  if (a.classes != b.classes || a.node->kind != b.node->kind) return false;
  const LossTraits& traits = *a.node->kind->loss;
  if (traits.ignore_index &&
      traits.ignore_index(*a.node->layer) != traits.ignore_index(*b.node->layer))
    return false;
  for (std::int64_t label = 0; label < a.classes; ++label) {
    if (weight(a, label) != weight(b, label)) return false;
  }
  return true;
}

bool LossWeights::alike() const {
  return std::ranges::all_of(terms_, [&](const Term& term) { return alike(term, terms_[0]); });
}

const Node* LossWeights::untold() const {
  const auto at = std::ranges::find_if(terms_, [](const Term& term) { return !term.told(); });
  return at == terms_.end() ? nullptr : at->node;
}

double LossWeights::of(std::size_t loss, std::span<const void* const> tensors,
                       std::int64_t samples) const {
  const Term& term = terms_[loss];
  const auto rows = static_cast<std::size_t>(samples) * term.rows_per_sample;
  const void* mask = term.mask_slot ? tensors[*term.mask_slot] : nullptr;
  const auto* labels =
      term.target_slot ? static_cast<const std::int32_t*>(tensors[*term.target_slot]) : nullptr;
  if (!mask && !labels) return static_cast<double>(rows);
  const auto& weight = term.node->kind->loss->label_weight;
  double sum = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const float factor = term.rule.at(mask, row);
    if (factor != 0) sum += factor * (labels ? weight(*term.node->layer, labels[row]) : 1.0);
  }
  return sum;
}

void check_accumulation(const Graph& graph, std::int64_t batches_per_step, const Mark& mark,
                        Problems& problems) {
  if (batches_per_step <= 1 || graph.losses.size() < 2) return;
  const Graph training = training_graph(graph);
  const LossWeights weights(training);
  if (weights.alike() || !weights.untold()) return;
  problems.add(mark,
               "train.effective_batch: the losses are means over different things, and what '" +
                   weights.untold()->name +
                   "' is a mean of is computed by the network, so that it is not known before all "
                   "batches of a step have run",
               "let its mask and target be fields of the data, or set data.batch to the step's "
               "size");
}

}  // namespace dl
