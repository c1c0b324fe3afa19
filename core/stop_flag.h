#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace dl {

/// What signals ask of a command, and how its work is getting on. The thread that takes signals and
/// the threads that work share it.
struct StopFlag {
  std::atomic<int> signal{0};         // SIGINT, SIGTERM or SIGHUP; 0: go on
  std::atomic<bool> save_now{false};  // SIGUSR1: save and go on

  // Signs of life, for whoever waits for an answer to `signal`.
  std::atomic<std::int64_t> batches{0};    // finished so far
  std::atomic<double> longest_seconds{0};  // what the slowest of them took
  std::atomic<int> saves{0};               // that are running now

  bool requested() const { return signal.load(std::memory_order_relaxed) != 0; }
  /// For the engine thread alone.
  void batch_done(double seconds) {
    longest_seconds = std::max(longest_seconds.load(), seconds);
    ++batches;
  }
};

/// A save, which takes as long as the disk does, is running while this lives.
class SaveInProgress {
 public:
  explicit SaveInProgress(StopFlag& flag) : flag_(flag) { ++flag_.saves; }
  ~SaveInProgress() { --flag_.saves; }
  SaveInProgress(const SaveInProgress&) = delete;
  SaveInProgress& operator=(const SaveInProgress&) = delete;

 private:
  StopFlag& flag_;
};

}  // namespace dl
