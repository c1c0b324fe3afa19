#include "datasets/batches.h"

#include <unistd.h>

#include <cassert>
#include <chrono>

#include "core/aligned_buffer.h"
#include "core/error.h"
#include "core/parallel.h"

namespace dl {
namespace {

constexpr std::size_t kAlign = AlignedBuffer::kAlignment;
// A worker takes a batch in so many shares: small ones, so that none waits long for the last.
constexpr std::size_t kSharesEach = 4;
// Nobody wakes a waiting thread for a signal: whoever waits looks at the stop flag this often.
constexpr std::chrono::milliseconds kPoll{50};

// A worker that takes a core from a thread of the engine makes the others wait, so it gives way a
// little. Not more: OpenMP's threads are busy for a while when they wait, too, and would let a
// nicer one starve.
constexpr int kNiceness = 5;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

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

/// Room for one batch.
struct Batches::Slot {
  Slot(const DataSpec& result, std::size_t samples) : block(bytes_of(result, samples)) {
    std::byte* at = block.data();
    for_each_field(result, [&](const Field& field, bool input) {
      (input ? batch.inputs : batch.targets).push_back({&field, at, 0});
      first.push_back({at, field.bytes()});
      at += aligned(field.bytes() * samples);
    });
  }

  AlignedBuffer block;
  Batch batch;
  std::vector<std::span<std::byte>> first;  // places of the first sample
  std::size_t missing = 0;                  // samples that are not there yet
  bool ready = false;                       // all are, and mixed
};

/// Room for one raw sample on the way into a batch.
struct Batches::Worker {
  Worker(const DataSpec& source, std::size_t fields) : block(bytes_of(source, 1)), sample(fields) {
    std::byte* at = block.data();
    for_each_field(source, [&](const Field& field, bool) {
      raw.push_back({at, field.bytes()});
      at += aligned(field.bytes());
    });
  }

  AlignedBuffer block;
  std::vector<std::span<std::byte>> raw;     // one sample of the source
  std::vector<std::span<std::byte>> sample;  // where it goes
  PictureBuffers pictures;
};

Batches::Batches(SampleSet data, const Pipeline& pipeline, BatchOptions options,
                 const StopFlag* stop)
    : data_(data), pipeline_(pipeline), options_(std::move(options)), stop_(stop) {
  assert(options_.batch >= 1 && options_.workers >= 1);
  assert(!(options_.streams && options_.shuffle));
  assert(options_.classes.empty() || options_.shuffle);
  if (options_.streams) options_.drop_last = true;
  if (per_epoch() == 0) {
    throw UserError(ExitCode::data, "there are " + std::to_string(data_.samples.size()) +
                                        " samples, fewer than one batch of " +
                                        std::to_string(options_.batch));
  }
  // The caller holds one slot while the workers fill the others.
  slots_.reserve(options_.prefetch + 1);
  for (std::size_t i = 0; i < options_.prefetch + 1; ++i)
    slots_.emplace_back(pipeline_.spec(), slot_samples());
  const std::size_t threads = options_.prefetch > 0 ? options_.workers : 0;
  workers_.reserve(std::max<std::size_t>(threads, 1));
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    workers_.emplace_back(pipeline_.source(), slots_[0].first.size());
  fill_order();
  try {
    for (std::size_t i = 0; i < threads; ++i)
      threads_.push_back(start_thread([this, i] { read_loop(workers_[i]); }));
  } catch (...) {
    end_threads();  // those that were started: the system has no more of them
    throw;
  }
}

Batches::~Batches() { end_threads(); }

void Batches::end_threads() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
    give_up_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

/// That of an epoch which is not shuffled.
void Batches::fill_order() {
  order_.assign(data_.samples.begin(), data_.samples.end());
  if (!options_.streams) return;
  const std::size_t count = per_epoch();
  order_.resize(count * options_.batch);
  for (std::size_t k = 0; k < order_.size(); ++k) {
    const std::size_t batch = k / options_.batch, place = k % options_.batch;
    order_[k] = data_.samples[place * count + batch];
  }
}

void Batches::draw_order(std::uint64_t epoch) {
  Random random(options_.seed, RandomStream::shuffle, epoch);
  if (options_.classes.empty()) {
    const std::vector<std::uint32_t> places = shuffled(order_.size(), random);
    for (std::size_t i = 0; i < places.size(); ++i) order_[i] = data_.samples[places[i]];
    return;
  }
  for (std::uint32_t& sample : order_) {
    const auto& of_class = options_.classes[random.below(options_.classes.size())];
    sample = of_class[random.below(of_class.size())];
  }
}

std::size_t Batches::per_epoch() const {
  const std::size_t count = data_.samples.size();
  return options_.drop_last ? count / options_.batch
                            : (count + options_.batch - 1) / options_.batch;
}

std::size_t Batches::samples_per_epoch() const {
  return options_.drop_last ? per_epoch() * options_.batch : data_.samples.size();
}

/// A batch may be asked to be larger than all of the data.
std::size_t Batches::slot_samples() const { return std::min(options_.batch, data_.samples.size()); }

std::size_t Batches::buffer_bytes() const {
  return slots_.size() * bytes_of(pipeline_.spec(), slot_samples()) +
         workers_.size() * bytes_of(pipeline_.source(), 1);
}

void Batches::start(std::uint64_t epoch, std::size_t first) {
  std::unique_lock lock(mutex_);
  give_up_ = true;  // the workers may be at another epoch: let them notice
  changed_.wait(lock, [&] { return busy_ == 0; });
  give_up_ = false;
  failure_.reset();

  if (options_.shuffle) draw_order(epoch);
  epoch_ = epoch;
  wait_seconds_ = 0.0;
  holding_ = false;
  opened_ = produced_ = released_ = std::min(first, per_epoch());
  handed_out_ = 0;
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
  if (produced_ == end_) return nullptr;
  const Share whole{produced_, 0, samples_in(produced_)};
  open_batch(produced_);
  Failure failure{};
  const Outcome outcome = read_share(workers_[0], whole, failure);
  if (outcome == Outcome::failed) std::rethrow_exception(failure.error);
  if (outcome == Outcome::gave_up) return nullptr;
  mix(slot_of(produced_));
  return &slot_of(produced_++).batch;
}

const Batch* Batches::next_read_ahead() {
  std::unique_lock lock(mutex_);
  if (holding_) {
    holding_ = false;
    ++released_;
    changed_.notify_all();
  }
  // After a failure the other workers may still find one at an earlier sample.
  const auto ready = [&] {
    return produced_ > released_ || released_ == end_ || (failure_ && busy_ == 0);
  };
  while (!changed_.wait_for(lock, kPoll, ready)) {
    if (stop_requested()) return nullptr;
  }
  if (produced_ > released_) {  // also what was read before a failure
    holding_ = true;
    return &slot_of(released_).batch;
  }
  if (failure_) std::rethrow_exception(failure_->error);
  return nullptr;
}

bool Batches::stop_requested() const { return stop_ && stop_->requested(); }

Batches::Slot& Batches::slot_of(std::size_t batch) { return slots_[batch % slots_.size()]; }

std::size_t Batches::samples_in(std::size_t batch) const {
  return std::min(options_.batch, order_.size() - batch * options_.batch);
}

std::uint64_t Batches::view() const {
  return options_.augment_views > 0 ? epoch_ % options_.augment_views : epoch_;
}

void Batches::open_batch(std::size_t batch) {
  Slot& slot = slot_of(batch);
  slot.missing = slot.batch.samples = samples_in(batch);
  slot.batch.index = batch;
  slot.ready = false;
  for (BatchField& field : slot.batch.inputs) field.samples = slot.missing;
  for (BatchField& field : slot.batch.targets) field.samples = slot.missing;
}

void Batches::mix(const Slot& slot) const {
  if (!pipeline_.mixes()) return;
  const auto floats = [](const BatchField& field) {
    return std::span(reinterpret_cast<float*>(field.bytes), field.floats().size());
  };
  const Batch& batch = slot.batch;
  pipeline_.mix(floats(batch.inputs[0]), floats(batch.targets[0]), batch.samples, options_.seed,
                epoch_, batch.index);
}

void Batches::read_sample(Worker& worker, const Slot& slot, std::size_t place,
                          std::size_t sample) const {
  for (std::size_t k = 0; k < slot.first.size(); ++k) {
    const std::span<std::byte> first = slot.first[k];
    worker.sample[k] = {first.data() + place * first.size(), first.size()};
  }
  std::size_t index = sample;
  if (options_.holds_views) index += view() * (data_.dataset->size() / options_.augment_views);
  data_.dataset->read(index, worker.raw);
  if (pipeline_.source().inputs[0].encoded) data_.dataset->decode(sample, worker.pictures);
  try {
    pipeline_.apply(worker.raw, worker.sample, options_.seed, view(), sample, worker.pictures);
  } catch (const PictureError& error) {
    throw UserError(ExitCode::data, data_.dataset->sample_name(sample) + ": " + error.what());
  }
}

Batches::Outcome Batches::read_share(Worker& worker, const Share& share, Failure& failure) {
  const Slot& slot = slot_of(share.batch);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    if (give_up_.load(std::memory_order_relaxed) || stop_requested()) return Outcome::gave_up;
    try {
      read_sample(worker, slot, i, order_[share.batch * options_.batch + i]);
    } catch (...) {
      failure = {share.batch, i, std::current_exception()};
      return Outcome::failed;
    }
  }
  return Outcome::done;
}

bool Batches::has_work() const {
  return opened_ < end_ && opened_ - released_ < slots_.size() && !failure_ && !give_up_;
}

/// The next samples in order: batches are opened one after the other, so whatever lies before a
/// sample that a worker has was handed out too.
Batches::Share Batches::take_share() {
  const std::size_t count = samples_in(opened_), workers = workers_.size();
  const std::size_t size = workers == 1 ? count : 1 + (count - 1) / (workers * kSharesEach);
  if (handed_out_ == 0) open_batch(opened_);
  const Share share{opened_, handed_out_, std::min(count, handed_out_ + size)};
  handed_out_ = share.end;
  if (handed_out_ == count) {
    handed_out_ = 0;
    ++opened_;
  }
  return share;
}

bool Batches::completes_batch(const Share& share) {
  Slot& slot = slot_of(share.batch);
  slot.missing -= share.end - share.begin;
  return slot.missing == 0;
}

void Batches::finish_share(Outcome outcome, Failure failure) {
  if (outcome == Outcome::gave_up) {
    give_up_ = true;  // stopped: nothing more to read until start()
  } else if (outcome == Outcome::failed) {
    const auto place = [](const Failure& f) { return std::pair(f.batch, f.sample); };
    if (!failure_ || place(failure) < place(*failure_)) failure_ = std::move(failure);
  } else {
    while (produced_ < opened_ && slot_of(produced_).ready) ++produced_;
  }
}

void Batches::read_loop(Worker& worker) {
  [[maybe_unused]] const int ignored = ::nice(kNiceness);  // of this thread alone, on Linux
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return quit_ || has_work(); });
    if (quit_) return;
    const Share share = take_share();
    ++busy_;
    lock.unlock();
    Failure failure{};
    const Outcome outcome = read_share(worker, share, failure);
    lock.lock();
    if (outcome == Outcome::done && completes_batch(share)) {
      lock.unlock();
      mix(slot_of(share.batch));
      lock.lock();
      slot_of(share.batch).ready = true;
    }
    --busy_;
    finish_share(outcome, std::move(failure));
    changed_.notify_all();
  }
}

}  // namespace dl
