#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "core/stop_flag.h"

namespace dl {

/// A reader that went away and a limit on files become errors of the writes that met them. Every
/// verb begins with it.
void ignore_write_signals();

/// Whether work that was asked to stop hangs: no batch ends, and nothing is being saved. It is told
/// the time, so that it needs no clock.
class StopDeadline {
 public:
  /// How long one batch may take when the slowest so far took `longest`.
  static double patience_seconds(double longest);
  /// To be asked every second or so once a stop was requested.
  bool passed(double now_seconds, const StopFlag& flag);

 private:
  std::optional<double> looked_at_;
  double quiet_seconds_ = 0;
  std::int64_t batches_ = 0;
};

/// Takes SIGINT, SIGTERM, SIGHUP (unless nohup had it ignored) and SIGUSR1 in a thread of its own
/// for as long as it lives. No handler is installed, and no other thread is ever interrupted: the
/// products of oneDNN keep data below the stack pointer, where a handler's frame would land. They
/// are blocked in the thread that makes it and in all that are started from then on, so it comes
/// before any other thread.
class SignalWatcher {
 public:
  SignalWatcher();
  /// In the thread that made it. Signals are as they were, but for SIGUSR1, which stays blocked: a
  /// save that is asked for too late is none.
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  /// From now on the first stop signal asks, through the flag, to stop after the running step; a
  /// second one ends the process at once with 128 + its number, as does the first one until this is
  /// called, and as does a stop that is not answered (StopDeadline). SIGUSR1 asks for a checkpoint.
  StopFlag& catch_stops();

 private:
  void watch();
  void take(int signal);

  StopFlag flag_;
  std::atomic<bool> catches_{false}, ends_{false};
  sigset_t taken_{}, before_{};
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace dl
