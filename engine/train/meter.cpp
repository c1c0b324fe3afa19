#include "engine/train/meter.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/train/classification_metrics.h"

namespace dl {
namespace {

constexpr std::size_t kTop = 5;

/// Where the first loss's target is among the graph's inputs.
std::size_t target_slot(const Graph& graph) {
  std::size_t slot = 0;
  for (int i = 0; i < graph.target.node; ++i) slot += graph.nodes[i].input.has_value();
  return slot;
}

}  // namespace

Meter::Meter(const Graph& graph, const DataSpec& data) {
  for (const int loss : graph.losses) {
    const Node& node = graph.nodes[loss];
    losses_.push_back({node.name, node.loss_weight, node.train_only});
  }
  if (data.order == SampleOrder::stream && data.token_rule) {
    read_language(graph, data);
  } else {
    read_classification(graph, data);
    read_regression(graph, data);
  }
}

/// A label for each row of the network's output; without a mask, since what it hides would count.
void Meter::read_classification(const Graph& graph, const DataSpec& data) {
  if (graph.losses.empty() || graph.target.node < 0) return;
  const Node& target = graph.nodes[graph.target.node];
  const Node& loss = graph.nodes[graph.losses[0]];
  if (loss.kind->name != "cross_entropy" || loss.src.size() != 2) return;
  if (!target.input || !target.input->integer) return;
  const auto shapes = infer_shapes(graph, 1);
  const Shape& output = shapes[graph.output.node][graph.output.output];
  if (output.elements() != output.back() * shapes[graph.target.node][0].elements()) return;
  label_slot_ = target_slot(graph);
  soft_labels_ = target.input->soft_classes > 0;
  classes_ = static_cast<std::size_t>(output.back());
  with_f1_ = data.classes.value_or(0) >= 2;
}

/// A target of floats that a loss of differences compares with the network's output, all of them.
void Meter::read_regression(const Graph& graph, const DataSpec& data) {
  if (graph.losses.empty() || graph.target.node < 0) return;
  const Node& target = graph.nodes[graph.target.node];
  const Node& loss = graph.nodes[graph.losses[0]];
  const bool differences =
      loss.kind->name == "mse" || loss.kind->name == "l1" || loss.kind->name == "smooth_l1";
  if (!differences || loss.src.size() != 2 || loss.src[0] != graph.output) return;
  if (!target.input || target.input->integer) return;
  value_slot_ = target_slot(graph);
  value_scale_ = {1.0};
  for (const Field& field : data.targets) {
    if ("data." + field.name == target.name && !field.scale.empty()) value_scale_ = field.scale;
  }
}

/// Tokens are no classes of which each would have its figures.
void Meter::read_language(const Graph& graph, const DataSpec& data) {
  for (std::size_t i = 0; i < graph.losses.size() && !token_loss_; ++i) {
    const Node& node = graph.nodes[graph.losses[i]];
    if (node.kind->name == "cross_entropy" && !node.train_only) token_loss_ = i;
  }
  if (!token_loss_) return;
  const auto shapes = infer_shapes(graph, 1);
  const int loss = graph.losses[*token_loss_];
  if (shapes[static_cast<std::size_t>(loss)].size() > kPlainMean) plain_loss_ = losses_.size();
  const TokenUnit unit = data.token_rule->unit;
  if (unit == TokenUnit::character) bits_name_ = "bits_per_char";
  if (unit == TokenUnit::byte) bits_name_ = "bits_per_byte";
}

void Meter::add(const Program& program, std::span<const void* const> tensors,
                MetricSums& sums) const {
  sums.losses.resize(losses_.size() + (plain_loss_ ? 1 : 0));
  const auto add_to = [](MetricSums::LossSum& sum, const Program::LossValue& value) {
    sum.sum += static_cast<double>(value.mean) * value.count;
    sum.count += value.count;
  };
  for (std::size_t i = 0; i < program.loss_count(); ++i) {
    add_to(sums.losses[program.loss_index(i)], program.loss(i));
    if (plain_loss_ && program.loss_index(i) == *token_loss_)
      add_to(sums.losses[*plain_loss_], *program.plain_loss(i));
  }
  sums.samples += program.batch();
  if (value_slot_) add_errors(program, tensors, sums);
  if (!label_slot_) return;
  if (with_f1_) sums.classes.resize(classes_);
  const void* labels = tensors[*label_slot_];
  const std::span<const float> output = program.output();
  for (std::size_t row = 0; row * classes_ < output.size(); ++row) {
    const std::int32_t label = label_of(program, labels, row);
    if (label < 0 || static_cast<std::size_t>(label) >= classes_) continue;  // ignored by the loss
    const std::span<const float> scores = output.subspan(row * classes_, classes_);
    const std::size_t rank = label_rank(scores, label);
    if (with_f1_) count_class(scores, static_cast<std::size_t>(label), sums.classes);
    ++sums.labelled;
    sums.top1 += rank == 0;
    sums.top5 += rank < kTop;
  }
}

/// Of mixed labels the one with the largest share counts.
std::int32_t Meter::label_of(const Program& program, const void* labels, std::size_t row) const {
  if (!soft_labels_ || program.purpose() != Purpose::train)
    return static_cast<const std::int32_t*>(labels)[row];
  const float* shares = static_cast<const float*>(labels) + row * classes_;
  return static_cast<std::int32_t>(std::max_element(shares, shares + classes_) - shares);
}

void Meter::add_errors(const Program& program, std::span<const void* const> tensors,
                       MetricSums& sums) const {
  const auto* target = static_cast<const float*>(tensors[*value_slot_]);
  const std::span<const float> output = program.output();
  const std::size_t places = value_scale_.size();
  for (std::size_t i = 0; i < output.size(); ++i) {
    const double error =
        (static_cast<double>(output[i]) - target[i]) * value_scale_[places == 1 ? 0 : i % places];
    sums.absolute += std::abs(error);
    sums.squared += error * error;
  }
  sums.values += static_cast<std::int64_t>(output.size());
}

Metrics Meter::metrics(const MetricSums& sums, Purpose purpose) const {
  const auto mean = [&](std::size_t i) {
    return i < sums.losses.size() && sums.losses[i].count > 0
               ? sums.losses[i].sum / sums.losses[i].count
               : 0.0;
  };
  double total = 0;
  Metrics metrics = {{"loss", 0.0}};
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    if (purpose != Purpose::train && losses_[i].train_only) continue;
    total += losses_[i].weight * mean(i);
    if (losses_.size() > 1) metrics.emplace_back(losses_[i].name, mean(i));
  }
  metrics[0].second = total;
  if (token_loss_) add_language(mean(plain_loss_.value_or(*token_loss_)), metrics);
  if (value_slot_) add_regression(sums, metrics);
  if (!label_slot_) return metrics;
  const auto share = [&](std::int64_t hits) {
    return sums.labelled ? static_cast<double>(hits) / static_cast<double>(sums.labelled) : 0.0;
  };
  metrics.emplace_back("top1", share(sums.top1));
  if (classes_ > kTop) metrics.emplace_back("top5", share(sums.top5));
  if (with_f1_) metrics.emplace_back("f1", macro_f1(sums.classes));
  return metrics;
}

void Meter::add_language(double cross_entropy, Metrics& metrics) const {
  metrics.emplace_back("perplexity", std::exp(cross_entropy));
  if (!bits_name_.empty()) metrics.emplace_back(bits_name_, cross_entropy / std::numbers::ln2);
}

void Meter::add_regression(const MetricSums& sums, Metrics& metrics) {
  const double count = sums.values > 0 ? static_cast<double>(sums.values) : 1.0;
  metrics.emplace_back("mae", sums.absolute / count);
  metrics.emplace_back("rmse", std::sqrt(sums.squared / count));
}

std::vector<std::string> Meter::names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics({}, Purpose::train)) names.push_back(name);
  return names;
}

void point_at(const Batch& batch, std::vector<const void*>& tensors) {
  tensors.clear();
  for (const BatchField& field : batch.inputs) tensors.push_back(field.bytes);
  for (const BatchField& field : batch.targets) tensors.push_back(field.bytes);
}

}  // namespace dl
