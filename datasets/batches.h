#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/stop_flag.h"
#include "datasets/splits.h"
#include "datasets/transforms/transform.h"

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
  /// The samples are consecutive pieces of one sequence, and place i of every batch goes on where
  /// it ended in the batch before: batch k of n holds the samples k, n + k, 2n + k, ... What is
  /// over at the end is left out; there is no partial batch and no shuffling.
  bool streams = false;
  bool shuffle = false;  // a new order each epoch; otherwise the data set's own
  /// Not empty: the samples of each class. An epoch then is as many draws as there are samples,
  /// each of a class and of a sample in it, both uniform, with replacement. Only with `shuffle`.
  std::vector<std::vector<std::uint32_t>> classes = {};
  bool drop_last = false;  // leave out a partial last batch
  /// Every sample has so many random variants, which come in turn: the augmentation's epoch is the
  /// epoch modulo this. 0: another one each epoch. The order takes no part.
  std::uint64_t augment_views = 0;
  /// The data set holds those variants: all samples of one, then all of the next.
  bool holds_views = false;
  std::uint64_t seed = 0;
  std::size_t prefetch = 2;  // batches read ahead on threads; 0: read when asked for
  std::size_t workers = 1;   // those threads; the samples of a batch are shared out among them
};

/// The batches of a split, epoch by epoch, read ahead on threads. What they hold depends on the
/// options, the epoch and the data alone, never on prefetch, workers or timing.
class Batches {
 public:
  /// All buffers are allocated here. `pipeline` and the data must outlive it. `stop` ends waiting
  /// early. Throws UserError (ExitCode::data) when there is not one batch.
  Batches(SampleSet data, const Pipeline& pipeline, BatchOptions options,
          const StopFlag* stop = nullptr);
  ~Batches();
  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;

  const DataSpec& spec() const { return pipeline_.spec(); }
  const Dataset& dataset() const { return *data_.dataset; }
  /// Which sample of the data set comes as number `i` of the epoch.
  std::size_t sample_of(std::size_t i) const { return order_[i]; }
  std::size_t per_epoch() const;
  std::size_t batch_size() const { return options_.batch; }
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
  struct Worker;
  /// Some neighbouring samples of a batch: what a worker takes on at a time.
  struct Share {
    std::size_t batch, begin, end;
  };
  /// What was thrown at a sample. Of several errors the one at the earliest sample counts, which
  /// does not depend on the number of workers.
  struct Failure {
    std::size_t batch, sample;
    std::exception_ptr error;
  };
  enum class Outcome { done, gave_up, failed };

  void fill_order();
  void draw_order(std::uint64_t epoch);
  Slot& slot_of(std::size_t batch);
  std::size_t samples_in(std::size_t batch) const;
  std::size_t slot_samples() const;
  /// The augmentation's epoch.
  std::uint64_t view() const;
  void read_sample(Worker& worker, const Slot& slot, std::size_t place, std::size_t sample) const;
  void open_batch(std::size_t batch);
  /// Of a batch of which all samples are there.
  void mix(const Slot& slot) const;
  Outcome read_share(Worker& worker, const Share& share, Failure& failure);
  bool has_work() const;
  Share take_share();
  bool completes_batch(const Share& share);
  void finish_share(Outcome outcome, Failure failure);
  void read_loop(Worker& worker);
  void end_threads();
  const Batch* next_read_now();
  const Batch* next_read_ahead();
  bool stop_requested() const;

  SampleSet data_;
  const Pipeline& pipeline_;
  BatchOptions options_;
  const StopFlag* stop_;
  std::vector<Slot> slots_;
  std::vector<Worker> workers_;
  std::vector<std::uint32_t> order_;
  std::uint64_t epoch_ = 0;
  double wait_seconds_ = 0.0;
  bool holding_ = false;  // the caller has slot released_

  // Shared with the workers, under mutex_. Counters are batch numbers of the epoch.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t opened_ = 0, handed_out_ = 0;  // the batch being shared out, and samples of it so far
  std::size_t produced_ = 0, released_ = 0, end_ = 0;
  std::size_t busy_ = 0;  // workers that have a share
  std::optional<Failure> failure_;
  std::atomic<bool> give_up_{false};
  bool quit_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace dl
