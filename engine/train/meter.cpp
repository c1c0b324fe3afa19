#include "engine/train/meter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kTop = 5;
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double share(std::int64_t hits, std::int64_t all) {
  return all > 0 ? static_cast<double>(hits) / static_cast<double>(all) : 0.0;
}

double mean(const MetricSums& sums, std::size_t loss) {
  if (loss >= sums.losses.size() || sums.losses[loss].count <= 0) return 0;
  return sums.losses[loss].sum / sums.losses[loss].count;
}

}  // namespace

Metrics Meter::metrics(const MetricSums& sums, Purpose purpose) const {
  Metrics metrics;
  for (const Entry& entry : entries_) {
    if (entry.is_in(purpose)) metrics.emplace_back(entry.spec.name, value(entry, sums, purpose));
  }
  return metrics;
}

std::vector<MetricSpec> Meter::specs(Purpose purpose, std::optional<std::size_t> samples) const {
  const bool no_room = samples && score_bytes(*samples) == 0;
  std::vector<MetricSpec> specs;
  for (const Entry& entry : entries_) {
    if (entry.is_in(purpose) && !(entry.ranks && no_room)) specs.push_back(entry.spec);
  }
  return specs;
}

std::vector<std::string> Meter::names() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.spec.name);
  return names;
}

const MetricSpec& Meter::main_metric() const {
  return spec_of(task_ == LossTask::classes ? Measure::top1 : Measure::loss);
}

double Meter::value(const Entry& entry, const MetricSums& sums, Purpose purpose) const {
  if (entry.loss) return mean(sums, *entry.loss);
  const auto values = static_cast<double>(std::max<std::int64_t>(sums.values, 1));
  const auto rows = sums.values / static_cast<std::int64_t>(outputs_);
  const auto per_token = [&] { return mean(sums, plain_loss_.value_or(*token_loss_)); };
  switch (entry.measure) {
    case Measure::loss:
      return total_loss(sums, purpose);
    case Measure::perplexity:
      return std::exp(per_token());
    case Measure::bits_per_char:
    case Measure::bits_per_byte:
      return per_token() / std::numbers::ln2;
    case Measure::mae:
      return sums.absolute / values;
    case Measure::rmse:
      return std::sqrt(sums.squared / values);
    case Measure::r2:
      return r2_score(sums.outputs, rows).value_or(kUndefined);
    case Measure::top1:
      return share(sums.top1, sums.labelled);
    case Measure::top5:
      return share(sums.top5, sums.labelled);
    case Measure::accuracy:
      return mean_accuracy(sums.classes, sums.labelled);
    case Measure::f1:
      return macro_f1(sums.classes, task_ == LossTask::yes_no ? F1Mean::all : F1Mean::occurring);
    case Measure::auc:
      return overall(sums).auc.value_or(kUndefined);
    case Measure::average_precision:
      return overall(sums).average_precision.value_or(kUndefined);
    case Measure::baseline_mae:
    case Measure::baseline_rmse:
      break;  // of the data set, not of a network
  }
  return kUndefined;
}

double Meter::total_loss(const MetricSums& sums, Purpose purpose) const {
  double total = 0;
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    if (purpose == Purpose::train || !losses_[i].train_only)
      total += losses_[i].weight * mean(sums, i);
  }
  return total;
}

/// Of two classes the second is the positive one.
RankingScores Meter::overall(const MetricSums& sums) const {
  const bool two_classes = task_ == LossTask::classes && width_ == 2;
  if (two_classes && sums.rankings.size() == 2) return sums.rankings[1];
  return macro_average(sums.rankings);
}

std::vector<std::string> Meter::undefined(const MetricSums& sums) const {
  std::vector<std::string> sentences;
  if (task_ == LossTask::numbers && sums.values / static_cast<std::int64_t>(outputs_) < 2)
    sentences.push_back("r2 is not defined: it needs two samples");
  if (!ranks()) return sentences;
  if (sums.rankings.empty()) {
    sentences.push_back(
        "auc and average_precision are not computed: the scores of all samples, which they need, "
        "would take too much memory");
    return sentences;
  }
  constexpr std::size_t kMostNames = 5;
  std::vector<std::string> names;
  std::size_t count = 0;
  for (std::size_t c = 0; c < sums.rankings.size(); ++c) {
    if (sums.rankings[c].auc || ++count > kMostNames) continue;
    names.push_back("'" + (c < class_names_.size() ? class_names_[c] : std::to_string(c)) + "'");
  }
  if (count == 0) return sentences;
  if (count > kMostNames) names.push_back(std::to_string(count - kMostNames) + " more");
  const bool all = count == sums.rankings.size();
  sentences.push_back("auc is not defined for " + join(names, ", ") +
                      ": no sample belongs there, or every one does, or a score is not a number" +
                      (all ? "" : "; its mean, and that of average_precision, is over the others"));
  return sentences;
}

void Meter::add(const Program& program, std::span<const void* const> tensors, MetricSums& sums,
                const EvaluationDetails& details) const {
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
  if (task_ == LossTask::classes) add_labels(program, tensors, sums, details);
  if (task_ == LossTask::yes_no) add_answers(program, tensors, sums, details);
  if (task_ == LossTask::numbers) add_numbers(program, tensors, sums);
}

/// Calls `act` with each row that is not masked.
template <class Act>
void Meter::each_row(std::span<const void* const> tensors, std::size_t rows, const Act& act) const {
  const void* mask = mask_slot_ ? tensors[*mask_slot_] : nullptr;
  for (std::size_t row = 0; row < rows; ++row) {
    if (mask_.at(mask, row) != 0) act(row);
  }
}

void Meter::add_labels(const Program& program, std::span<const void* const> tensors,
                       MetricSums& sums, const EvaluationDetails& details) const {
  if (with_classes_) sums.classes.resize(width_);
  const std::span<const float> output = program.output();
  each_row(tensors, output.size() / width_, [&](std::size_t row) {
    const std::int32_t label = label_of(program, tensors[target_slot_], row);
    if (label < 0 || static_cast<std::size_t>(label) >= width_ || label == ignore_index_) return;
    const auto true_class = static_cast<std::size_t>(label);
    const std::span<const float> scores = output.subspan(row * width_, width_);
    const std::size_t rank = label_rank(scores, true_class);
    if (with_classes_) count_class(scores, true_class, sums.classes);
    ++sums.labelled;
    sums.top1 += rank == 0;
    sums.top5 += rank < kTop;
    if (details.confusion) details.confusion->add(scores, true_class);
    if (details.scores) details.scores->add_classes(scores, true_class);
  });
}

/// Of mixed labels the one with the largest share counts.
std::int32_t Meter::label_of(const Program& program, const void* labels, std::size_t row) const {
  if (!soft_labels_ || program.purpose() != Purpose::train)
    return static_cast<const std::int32_t*>(labels)[row];
  const float* shares = static_cast<const float*>(labels) + row * width_;
  return static_cast<std::int32_t>(std::max_element(shares, shares + width_) - shares);
}

bool Meter::is_positive(const void* targets, std::size_t i) const {
  return integer_target_ ? static_cast<const std::int32_t*>(targets)[i] > 0
                         : static_cast<const float*>(targets)[i] >= 0.5F;
}

void Meter::add_answers(const Program& program, std::span<const void* const> tensors,
                        MetricSums& sums, const EvaluationDetails& details) const {
  sums.classes.resize(width_);
  const std::span<const float> output = program.output();
  each_row(tensors, output.size() / width_, [&](std::size_t row) {
    ++sums.labelled;
    for (std::size_t i = 0; i < width_; ++i) {
      const float logit = output[row * width_ + i];
      const bool positive = is_positive(tensors[target_slot_], row * width_ + i);
      count_answer(logit, positive, sums.classes[i]);
      if (details.scores) details.scores->add(logit, positive);
    }
  });
}

void Meter::add_numbers(const Program& program, std::span<const void* const> tensors,
                        MetricSums& sums) const {
  sums.outputs.resize(outputs_);
  const auto* targets = static_cast<const float*>(tensors[target_slot_]);
  const std::span<const float> output = program.output();
  const std::size_t places = value_scale_.size();
  each_row(tensors, output.size() / width_, [&](std::size_t row) {
    for (std::size_t i = row * width_; i < (row + 1) * width_; ++i) {
      const double error = static_cast<double>(output[i]) - targets[i];
      const double in_units = error * value_scale_[places == 1 ? 0 : i % places];
      sums.absolute += std::abs(in_units);
      sums.squared += in_units * in_units;
      const auto count = sums.values++ / static_cast<std::int64_t>(outputs_) + 1;
      add_value(sums.outputs[i % outputs_], targets[i], error, count);
    }
  });
}

void point_at(const Batch& batch, std::vector<const void*>& tensors) {
  tensors.clear();
  for (const BatchField& field : batch.inputs) tensors.push_back(field.bytes);
  for (const BatchField& field : batch.targets) tensors.push_back(field.bytes);
}

}  // namespace dl
