#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "datasets/splits.h"
#include "datasets/transform.h"
#include "engine/core/stop_flag.h"

namespace dl {

/// One input or target of a batch: contiguous, plain (N, C, H, W), at a multiple of 64 bytes.
struct BatchField {
  const Field* field = nullptr;  // type and shape of a sample
  std::byte* bytes = nullptr;
  std::size_t samples = 0;

  std::span<const float> floats() const;       // only for f32
  std::span<const std::int32_t> ints() const;  // only for s32
};

struct Batch {
  std::vector<BatchField> inputs, targets;  // in the order of the pipeline's spec
  std::size_t samples = 0;                  // fewer than asked for only in a partial last batch
  std::size_t index = 0;                    // its number in the epoch
};

struct BatchOptions {
  std::size_t batch = 1;
  bool shuffle = false;    // a new order each epoch; otherwise the data set's own
  bool drop_last = false;  // leave out a partial last batch
  std::uint64_t seed = 0;
  std::size_t prefetch = 2;  // batches read ahead on a thread; 0: read when asked for
};

/// The batches of a split, epoch by epoch, read ahead on a thread. What they hold depends on the
/// options, the epoch and the data alone, never on prefetch or timing.
class Batches {
 public:
  /// All buffers are allocated here. `pipeline` and the data must outlive it. `stop` ends waiting
  /// early. Throws UserError when there is not one batch.
  Batches(SampleSet data, const Pipeline& pipeline, BatchOptions options,
          const StopFlag* stop = nullptr);
  ~Batches();
  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;

  const DataSpec& spec() const { return pipeline_.spec(); }
  std::size_t per_epoch() const;
  /// Samples that an epoch shows: all, or without the dropped ones.
  std::size_t samples_per_epoch() const;
  /// Bytes of all buffers, for the memory estimate.
  std::size_t buffer_bytes() const;

  /// Begins an epoch, at batch `first` (to resume in its middle).
  void start(std::uint64_t epoch, std::size_t first = 0);
  /// The next batch, valid until the next call; nullptr at the end of the epoch, or when `stop` was
  /// requested while waiting (the caller's loop looks at `stop` anyway). Rethrows what reading
  /// threw.
  const Batch* next();
  /// Time spent waiting for data in next() since the last start().
  double wait_seconds() const { return wait_seconds_; }

 private:
  struct Slot;

  bool fill(Slot& slot, std::size_t index) const;  // false: gave up
  void read_loop();
  const Batch* next_read_now();
  const Batch* next_read_ahead();
  bool stop_requested() const;

  SampleSet data_;
  const Pipeline& pipeline_;
  BatchOptions options_;
  const StopFlag* stop_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> order_;
  std::uint64_t epoch_ = 0;
  double wait_seconds_ = 0.0;
  bool holding_ = false;  // the caller has slot released_

  // Shared with the reader, under mutex_. Counters are batch numbers of the epoch.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t produced_ = 0, released_ = 0, end_ = 0;
  bool reading_ = false;
  std::exception_ptr error_;
  std::atomic<bool> give_up_{false};
  bool quit_ = false;
  std::thread reader_;
};

}  // namespace dl
