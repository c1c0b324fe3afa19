#include "engine/train/step_batches.h"

#include <cstring>

#include "engine/train/meter.h"

namespace dl {
namespace {

constexpr std::size_t kLine = AlignedBuffer::kAlignment;

std::size_t aligned(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

bool reads_ahead(const LossWeights& weights, std::int64_t per_step) {
  return per_step > 1 && !weights.alike();
}

/// Room for one batch, each field at a multiple of 64 bytes.
std::size_t batch_bytes(const Batches& batches) {
  std::size_t bytes = 0;
  for (const auto* fields : {&batches.spec().inputs, &batches.spec().targets}) {
    for (const Field& field : *fields) bytes += aligned(field.bytes() * batches.batch_size());
  }
  return bytes;
}

}  // namespace

StepBatches::StepBatches(Batches& batches, const Programs& programs, std::int64_t per_step)
    : batches_(batches), per_step_(per_step), weights_(programs.training()) {
  if (!reads_ahead(weights_, per_step)) return;
  for (std::int64_t i = 0; i < per_step; ++i) {
    held_.push_back({.bytes = AlignedBuffer(batch_bytes(batches)),
                     .batch = {},
                     .factors = std::vector<double>(weights_.count())});
  }
}

std::size_t StepBatches::bytes(const Batches& batches, const Programs& programs,
                               std::int64_t per_step) {
  return reads_ahead(LossWeights(programs.training()), per_step)
             ? static_cast<std::size_t>(per_step) * batch_bytes(batches)
             : 0;
}

void StepBatches::start(std::uint64_t epoch, std::size_t first) {
  count_ = at_ = 0;
  batches_.start(epoch, first);
}

const Batch* StepBatches::next() {
  if (held_.empty()) return batches_.next();
  if (at_ == count_) read_step();
  return at_ < count_ ? &held_[at_++].batch : nullptr;
}

void StepBatches::keep(const Batch& batch, Held& held) {
  held.batch = batch;
  std::byte* to = held.bytes.data();
  for (auto* fields : {&held.batch.inputs, &held.batch.targets}) {
    for (BatchField& field : *fields) {
      std::memcpy(to, field.bytes, field.field->bytes() * batch.samples);
      field.bytes = to;
      to += aligned(field.field->bytes() * batches_.batch_size());
    }
  }
  point_at(held.batch, tensors_);
  for (std::size_t loss = 0; loss < weights_.count(); ++loss)
    held.factors[loss] = weights_.of(loss, tensors_, static_cast<std::int64_t>(held.batch.samples));
}

/// All losses are scaled so that the step's gradient is the plain mean of its batches'.
void StepBatches::read_step() {
  count_ = at_ = 0;
  while (count_ < held_.size()) {
    const Batch* batch = batches_.next();
    if (!batch) break;
    keep(*batch, held_[count_++]);
  }
  for (std::size_t loss = 0; loss < weights_.count(); ++loss) {
    double total = 0;
    for (std::size_t i = 0; i < count_; ++i) total += held_[i].factors[loss];
    for (std::size_t i = 0; i < count_ && total > 0; ++i)
      held_[i].factors[loss] *= static_cast<double>(count_) / total;
  }
}

void StepBatches::scale_losses(Program& program) const {
  if (!held_.empty()) program.scale_losses(held_[at_ - 1].factors);
}

double StepBatches::weight(const Program& program) const {
  return per_step_ == 1 || !held_.empty() ? 1.0 : program.loss(0).count;
}

}  // namespace dl
