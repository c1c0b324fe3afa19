#include "engine/train/updater.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "engine/train/diagnostics.h"

namespace dl {

Updater::Updater(const Optimizer& optimizer, std::span<const ParamSlice> slices,
                 const TrainConfig& config, WeightStore& store, std::int64_t batches)
    : optimizer_(optimizer),
      slices_(slices),
      clip_(config.clip),
      ema_(config.ema.value_or(EmaConfig{})),
      store_(store),
      slot_names_(optimizer.slot_names()),
      norm_(store.flat().size()) {
  for (std::size_t i = 0; i < slot_names_.size(); ++i)
    slots_.push_back(make_room(slot_buffers_.emplace_back()));
  if (batches > 1) sum_ = make_room(sum_buffer_);
  if (config.ema) average_ = make_room(average_buffer_);
  std::size_t count = 0;
  for (const StoredWeight& weight : store.weights()) {
    if (!weight.statistic) continue;
    statistics_.push_back(store.values(weight));
    count += weight.size;
  }
  if (config.on_nonfinite == OnNonfinite::skip) statistics_before_.resize(count);
}

/// As many floats as the store has; without memory where that has none.
std::span<float> Updater::make_room(AlignedBuffer& buffer) const {
  const std::span<float> all = store_.flat();
  if (store_.memory() == WeightMemory::allocated) buffer = AlignedBuffer(all.size_bytes());
  return {reinterpret_cast<float*>(buffer.data()), all.size()};
}

void Updater::train_only(std::span<const ParamSlice> slices, std::span<const std::string> started) {
  slices_ = slices;
  for (const std::string& name : started) {
    const StoredWeight& weight = *store_.find(name);
    for (const std::span<float> slot : slots_)
      std::ranges::fill(slot.subspan(weight.offset, weight.size), 0.0F);
  }
}

void Updater::before_batch() {
  if (!first_ || statistics_before_.empty()) return;
  float* to = statistics_before_.data();
  for (const std::span<float> values : statistics_) to = std::ranges::copy(values, to).out;
}

bool Updater::statistics_are_finite() const {
  return std::ranges::all_of(statistics_, [](std::span<const float> values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
  });
}

/// Running statistics that once were not finite would stay so for good.
void Updater::take_back() {
  if (statistics_before_.empty()) return;
  const float* from = statistics_before_.data();
  for (const std::span<float> values : statistics_) {
    std::copy_n(from, values.size(), values.begin());
    from += values.size();
  }
  store_.touch();
}

void Updater::add_batch(double weight, bool finite) {
  finite_ = finite && (first_ || finite_);
  if (!sum_.empty())
    dl::accumulate(sum_, store_.flat_gradients(), static_cast<float>(weight), first_);
  weight_ = first_ ? weight : weight_ + weight;
  first_ = false;
}

bool Updater::update(const Rates& rates, std::int64_t number, Diagnostics* diagnostics) {
  first_ = true;
  const std::span<float> gradients = sum_.empty() ? store_.flat_gradients() : sum_;
  // Where nothing counts, because all targets are ignored, all gradients are zero.
  const double mean_scale = sum_.empty() || weight_ <= 0 ? 1.0 : 1.0 / weight_;
  if (diagnostics) diagnostics->before_update(gradients, mean_scale, store_.flat());
  const double norm = norm_(gradients) * mean_scale;
  if (!finite_ || !std::isfinite(norm) || !statistics_are_finite()) {
    take_back();
    return false;
  }
  double scale = mean_scale;
  if (clip_.norm) scale *= clip_factor(norm, *clip_.norm);
  if (clip_.value) {
    clip_by_value(gradients, static_cast<float>(scale), *clip_.value);
    scale = 1;
  }
  optimizer_.step({.weights = store_.flat(),
                   .gradients = gradients,
                   .slots = slots_,
                   .slices = slices_,
                   .rates = rates,
                   .grad_scale = static_cast<float>(scale),
                   .number = number});
  if (diagnostics) diagnostics->after_update(store_.flat());
  store_.touch_trained();
  if (!averages()) return true;
  const double decay = ema_decay(ema_.decay, ema_.warmup, number);
  for (const StoredWeight& weight : store_.weights()) {
    const std::span<const float> values = std::as_const(store_).values(weight);
    const std::span<float> average = average_.subspan(weight.offset, weight.size);
    if (weight.trainable()) {
      average_into(average, values, decay);
    } else {
      std::copy(values.begin(), values.end(),
                average.begin());  // running statistics are averages already
    }
  }
  return true;
}

void Updater::reset_average() {
  if (averages()) std::ranges::copy(store_.flat(), average_.begin());
}

void Updater::swap_average() {
  if (!averages()) return;
  std::ranges::swap_ranges(store_.flat(), average_);
  store_.touch();
}

std::vector<TensorView> Updater::slot_tensors() const {
  std::vector<TensorView> tensors;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    for (const StoredWeight& weight : store_.weights()) {
      if (weight.statistic) continue;
      tensors.push_back(float_tensor(slot_names_[i] + "/" + weight.name, weight.shape.dims(),
                                     part_of(slots_[i], weight)));
    }
  }
  return tensors;
}

std::vector<TensorView> Updater::average_tensors() const {
  std::vector<TensorView> tensors;
  if (!averages()) return tensors;
  for (const StoredWeight& weight : store_.weights()) {
    tensors.push_back(float_tensor(weight.name, weight.shape.dims(), part_of(average_, weight)));
  }
  return tensors;
}

void Updater::load_slots(const SafetensorsFile& file, const std::string& path) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    for (const StoredWeight& weight : store_.weights()) {
      if (weight.statistic) continue;
      const auto values =
          expect_tensor(file, path, slot_names_[i] + "/" + weight.name, weight.shape);
      std::ranges::copy(values, slots_[i].begin() + static_cast<std::ptrdiff_t>(weight.offset));
    }
  }
}

void Updater::load_average(const SafetensorsFile& file, const std::string& path) {
  for (const StoredWeight& weight : store_.weights()) {
    std::ranges::copy(expect_tensor(file, path, weight.name, weight.shape),
                      average_.begin() + static_cast<std::ptrdiff_t>(weight.offset));
  }
}

std::size_t Updater::bytes() const {
  std::size_t total =
      sum_.size_bytes() + average_.size_bytes() + statistics_before_.size() * sizeof(float);
  for (const std::span<float> slot : slots_) total += slot.size_bytes();
  return total;
}

std::vector<TensorView> weight_tensors(const WeightStore& store) {
  std::vector<TensorView> tensors;
  for (const StoredWeight& weight : store.weights())
    tensors.push_back(float_tensor(weight.name, weight.shape.dims(), store.values(weight)));
  return tensors;
}

void load_weights(WeightStore& store, const SafetensorsFile& file, const std::string& path,
                  std::vector<std::string>& unused) {
  for (const StoredWeight& weight : store.weights()) {
    std::ranges::copy(expect_tensor(file, path, weight.name, weight.shape),
                      store.values(weight).begin());
  }
  for (const TensorView& tensor : file.tensors()) {
    // PyTorch counts batches there; nothing here needs it.
    if (!store.find(tensor.name) && !tensor.name.ends_with("num_batches_tracked"))
      unused.push_back(tensor.name);
  }
  store.touch();
}

}  // namespace dl
