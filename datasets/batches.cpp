#include "datasets/batches.h"

#include <cassert>
#include <chrono>
#include <new>

#include "engine/core/error.h"

namespace dl {
namespace {

constexpr std::size_t kAlign = 64;
// A signal handler cannot wake a waiting thread: whoever waits looks at the stop flag this often.
constexpr std::chrono::milliseconds kPoll{50};

std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

/// Bytes at a multiple of 64.
class Block {
 public:
  explicit Block(std::size_t bytes)
      : data_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlign}))) {
    std::fill_n(data_.get(), bytes, std::byte{0});
  }
  std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(std::byte* data) const { ::operator delete (data, std::align_val_t{kAlign}); }
  };
  std::unique_ptr<std::byte[], Free> data_;
};

template <class Body>
void for_each_field(const DataSpec& spec, const Body& body) {
  for (const Field& field : spec.inputs) body(field, true);
  for (const Field& field : spec.targets) body(field, false);
}

std::size_t bytes_of(const DataSpec& spec, std::size_t samples) {
  std::size_t bytes = 0;
  for_each_field(spec,
                 [&](const Field& field, bool) { bytes += aligned(field.bytes() * samples); });
  return bytes;
}

}  // namespace

std::span<const float> BatchField::floats() const {
  assert(field->type == DataType::f32);
  return {reinterpret_cast<const float*>(bytes), samples * field->elements()};
}

std::span<const std::int32_t> BatchField::ints() const {
  assert(field->type == DataType::s32);
  return {reinterpret_cast<const std::int32_t*>(bytes), samples * field->elements()};
}

/// Room for one batch, and for one raw sample on the way into it.
struct Batches::Slot {
  Slot(const DataSpec& source, const DataSpec& result, std::size_t samples)
      : block(bytes_of(source, 1) + bytes_of(result, samples)) {
    std::byte* at = block.data();
    for_each_field(source, [&](const Field& field, bool) {
      raw.push_back({at, field.bytes()});
      at += aligned(field.bytes());
    });
    for_each_field(result, [&](const Field& field, bool input) {
      (input ? batch.inputs : batch.targets).push_back({&field, at, 0});
      first.push_back({at, field.bytes()});
      at += aligned(field.bytes() * samples);
    });
    sample = first;
  }

  Block block;
  Batch batch;
  std::vector<std::span<std::byte>> raw;            // one sample of the source
  std::vector<std::span<std::byte>> first, sample;  // places of the first and of the current sample
};

Batches::Batches(SampleSet data, const Pipeline& pipeline, BatchOptions options,
                 const StopFlag* stop)
    : data_(data), pipeline_(pipeline), options_(options), stop_(stop) {
  assert(options_.batch >= 1);
  if (per_epoch() == 0) {
    throw UserError(ExitCode::data, "there are " + std::to_string(data_.samples.size()) +
                                        " samples, fewer than one batch of " +
                                        std::to_string(options_.batch));
  }
  // The caller holds one slot while the reader fills the others.
  slots_.reserve(options_.prefetch + 1);
  for (std::size_t i = 0; i < options_.prefetch + 1; ++i) {
    slots_.emplace_back(pipeline_.source(), pipeline_.spec(), options_.batch);
  }
  order_.assign(data_.samples.begin(), data_.samples.end());
  if (options_.prefetch > 0) reader_ = std::thread([this] { read_loop(); });
}

Batches::~Batches() {
  if (!reader_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
    give_up_ = true;
  }
  changed_.notify_all();
  reader_.join();
}

std::size_t Batches::per_epoch() const {
  const std::size_t count = data_.samples.size();
  return options_.drop_last ? count / options_.batch
                            : (count + options_.batch - 1) / options_.batch;
}

std::size_t Batches::samples_per_epoch() const {
  return options_.drop_last ? per_epoch() * options_.batch : data_.samples.size();
}

std::size_t Batches::buffer_bytes() const {
  return slots_.size() *
         (bytes_of(pipeline_.source(), 1) + bytes_of(pipeline_.spec(), options_.batch));
}

void Batches::start(std::uint64_t epoch, std::size_t first) {
  std::unique_lock lock(mutex_);
  give_up_ = true;  // the reader may be at work on another epoch: let it notice
  changed_.wait(lock, [&] { return !reading_; });
  give_up_ = false;
  error_ = nullptr;

  if (options_.shuffle) {
    const std::vector<std::uint32_t> places =
        shuffled(order_.size(), Random(options_.seed, RandomStream::shuffle, epoch));
    for (std::size_t i = 0; i < places.size(); ++i) order_[i] = data_.samples[places[i]];
  }
  epoch_ = epoch;
  wait_seconds_ = 0.0;
  holding_ = false;
  produced_ = released_ = std::min(first, per_epoch());
  end_ = per_epoch();
  lock.unlock();
  changed_.notify_all();
}

const Batch* Batches::next() {
  const auto begin = std::chrono::steady_clock::now();
  const Batch* batch = options_.prefetch > 0 ? next_read_ahead() : next_read_now();
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return batch;
}

const Batch* Batches::next_read_now() {
  if (produced_ == end_ || !fill(slots_[0], produced_)) return nullptr;
  ++produced_;
  return &slots_[0].batch;
}

const Batch* Batches::next_read_ahead() {
  std::unique_lock lock(mutex_);
  if (holding_) {
    holding_ = false;
    ++released_;
    changed_.notify_all();
  }
  const auto ready = [&] { return produced_ > released_ || released_ == end_ || error_; };
  while (!changed_.wait_for(lock, kPoll, ready)) {
    if (stop_requested()) return nullptr;
  }
  if (produced_ > released_) {  // also what was read before an error
    holding_ = true;
    return &slots_[released_ % slots_.size()].batch;
  }
  if (error_) std::rethrow_exception(error_);
  return nullptr;
}

bool Batches::stop_requested() const { return stop_ && stop_->requested(); }

bool Batches::fill(Slot& slot, std::size_t index) const {
  const std::size_t begin = index * options_.batch;
  const std::size_t count = std::min(options_.batch, order_.size() - begin);
  for (std::size_t i = 0; i < count; ++i) {
    if (give_up_.load(std::memory_order_relaxed) || stop_requested()) return false;
    for (std::size_t k = 0; k < slot.first.size(); ++k) {
      const std::span<std::byte> place = slot.first[k];
      slot.sample[k] = {place.data() + i * place.size(), place.size()};
    }
    const std::uint32_t sample = order_[begin + i];
    data_.dataset->read(sample, slot.raw);
    pipeline_.apply(slot.raw, slot.sample, options_.seed, epoch_, sample);
  }
  for (BatchField& field : slot.batch.inputs) field.samples = count;
  for (BatchField& field : slot.batch.targets) field.samples = count;
  slot.batch.samples = count;
  slot.batch.index = index;
  return true;
}

void Batches::read_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] {
      const bool work = produced_ < end_ && produced_ - released_ < slots_.size() && !error_;
      return quit_ || (work && !give_up_);
    });
    if (quit_) return;
    const std::size_t index = produced_;
    reading_ = true;
    lock.unlock();
    bool filled = false;
    std::exception_ptr error;
    try {
      filled = fill(slots_[index % slots_.size()], index);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    reading_ = false;
    if (filled) ++produced_;
    error_ = error;
    changed_.notify_all();
    if (!filled && !error) give_up_ = true;  // stopped: nothing more to read until start()
  }
}

}  // namespace dl
