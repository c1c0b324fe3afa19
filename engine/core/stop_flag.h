#pragma once

#include <atomic>

namespace dl {

/// Set by signal handlers, read by the training loop and the prefetch thread. Lock-free.
struct StopFlag {
  std::atomic<int> signal{0};         // SIGINT, SIGTERM or SIGHUP; 0: go on
  std::atomic<bool> save_now{false};  // SIGUSR1: save and go on

  bool requested() const { return signal.load(std::memory_order_relaxed) != 0; }
};

}  // namespace dl
