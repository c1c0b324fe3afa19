#include <algorithm>

#include "engine/train/meter.h"

// What a meter reads in graph and data: which metrics there are, and what they are made from.
namespace dl {
namespace {

constexpr std::size_t kTop = 5;
// Rankings of many classes take long: each sorts all samples by its score.
constexpr std::size_t kMostRanked = 100;
constexpr std::size_t kMostScoreBytes = std::size_t{256} << 20;

}  // namespace

Meter::Meter(const Graph& graph, const DataSpec& data) {
  for (const int loss : graph.losses)
    losses_.push_back({graph.nodes[loss].loss_weight, graph.nodes[loss].train_only});
  if (data.order == SampleOrder::stream && data.token_rule)
    read_language(graph, data);
  else
    read_task(graph, data);
  list_metrics(graph);
}

/// Needs a target and a mask that are the data's own, row by row of the network's output.
void Meter::read_task(const Graph& graph, const DataSpec& data) {
  if (graph.losses.empty() || graph.target.node < 0) return;
  const Node& target = graph.nodes[graph.target.node];
  const Node& loss = graph.nodes[graph.losses[0]];
  if (!target.input || !fits_task(graph, loss, target)) return;
  const bool masked = loss.src.size() > 2;
  if (masked) mask_slot_ = graph.input_slot(loss.src[2].node);
  if (masked && !mask_slot_) return;  // computed by the network, it may be any number
  const auto shapes = infer_shapes(graph, 1);
  const Shape& output = shapes[graph.output.node][graph.output.output];
  const LossTraits& traits = *loss.kind->loss;
  // The last axis of what has channels first, as a segmentation, is none of labels or outputs.
  const bool by_channels = output.rank() > 3;
  task_ = traits.task;
  target_slot_ = *graph.input_slot(graph.target.node);
  const std::int64_t last_axis = LossRows(output).size;
  width_ = by_channels && traits.task == LossTask::yes_no ? 1 : last_axis;
  rows_per_sample_ = static_cast<std::size_t>(output.elements()) / width_;
  if (masked) {
    const auto numbers = static_cast<std::size_t>(shapes[loss.src[2].node][0].elements());
    mask_ = {.rows_per_number = rows_per_sample_ / numbers,
             .lengths = graph.nodes[loss.src[2].node].input->integer};
  }
  soft_labels_ = target.input->soft_classes > 0;
  integer_target_ = target.input->integer;
  if (traits.ignore_index) ignore_index_ = traits.ignore_index(*loss.layer);
  with_classes_ = traits.task == LossTask::yes_no || data.classes.value_or(0) >= 2;
  class_names_ = traits.task == LossTask::classes ? data.class_names : data.target_names;
  outputs_ = by_channels ? 1 : width_;
  if (traits.task == LossTask::numbers) read_scale(target.name, data);
}

bool Meter::fits_task(const Graph& graph, const Node& loss, const Node& target) const {
  const LossTask task = loss.kind->loss->task;
  if (task != LossTask::classes)
    return loss.src[0] == graph.output && (task == LossTask::yes_no || !target.input->integer);
  // A label for each row of the network's output.
  const auto shapes = infer_shapes(graph, 1);
  const Shape& output = shapes[graph.output.node][graph.output.output];
  return target.input->integer &&
         output.elements() == output.back() * shapes[graph.target.node][0].elements();
}

void Meter::read_scale(const std::string& target, const DataSpec& data) {
  value_scale_ = {1.0};
  for (const Field& field : data.targets) {
    if ("data." + field.name == target && !field.scale.empty()) value_scale_ = field.scale;
  }
}

/// Tokens are no classes of which each would have its figures.
void Meter::read_language(const Graph& graph, const DataSpec& data) {
  for (std::size_t i = 0; i < graph.losses.size() && !token_loss_; ++i) {
    const Node& node = graph.nodes[graph.losses[i]];
    if (node.kind->loss->task == LossTask::classes && !node.train_only) token_loss_ = i;
  }
  if (!token_loss_) return;
  const auto shapes = infer_shapes(graph, 1);
  const int loss = graph.losses[*token_loss_];
  if (shapes[static_cast<std::size_t>(loss)].size() > kPlainMean) plain_loss_ = losses_.size();
  const TokenUnit unit = data.token_rule->unit;
  if (unit == TokenUnit::character) bits_ = Measure::bits_per_char;
  if (unit == TokenUnit::byte) bits_ = Measure::bits_per_byte;
}

void Meter::list(Measure measure) {
  entries_.push_back({.spec = spec_of(measure), .loss = {}, .measure = measure});
}

void Meter::list_ranking(Measure measure) {
  list(measure);
  entries_.back().training = false;
  entries_.back().ranks = true;
}

void Meter::list_metrics(const Graph& graph) {
  list(Measure::loss);
  for (std::size_t i = 0; i < losses_.size() && losses_.size() > 1; ++i) {
    entries_.push_back({.spec = {.name = graph.nodes[graph.losses[i]].name},
                        .loss = i,
                        .evaluation = !losses_[i].train_only});
  }
  if (token_loss_) list(Measure::perplexity);
  if (bits_) list(*bits_);
  if (task_ == LossTask::numbers) {
    for (const Measure measure : {Measure::mae, Measure::rmse, Measure::r2}) list(measure);
  }
  if (task_ == LossTask::classes) list(Measure::top1);
  if (task_ == LossTask::classes && width_ > kTop) list(Measure::top5);
  if (task_ == LossTask::yes_no) list(Measure::accuracy);
  if (with_classes_) list(Measure::f1);
  if (!ranks()) return;
  list_ranking(Measure::auc);
  list_ranking(Measure::average_precision);
}

bool Meter::ranks() const {
  if (!with_classes_ || width_ > kMostRanked) return false;
  return task_ == LossTask::yes_no || (task_ == LossTask::classes && width_ >= 2);
}

/// Of two classes the scores of one tell those of the other.
std::size_t Meter::score_columns() const {
  return task_ == LossTask::classes && width_ == 2 ? 1 : width_;
}

std::size_t Meter::score_bytes(std::size_t samples) const {
  if (!ranks()) return 0;
  const std::size_t bytes = KeptScores::bytes(samples * rows_per_sample_, score_columns());
  return bytes > kMostScoreBytes ? 0 : bytes;
}

std::optional<KeptScores> Meter::room_for_scores(std::size_t samples) const {
  if (score_bytes(samples) == 0) return std::nullopt;
  return KeptScores(samples * rows_per_sample_, score_columns());
}

std::vector<RankingScores> Meter::rankings(const KeptScores& scores) const {
  std::vector<RankingScores> rankings = scores.rankings();
  if (score_columns() < width_) rankings.insert(rankings.begin(), scores.rankings(true)[0]);
  return rankings;
}

}  // namespace dl
