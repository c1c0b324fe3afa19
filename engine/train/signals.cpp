#include "engine/train/signals.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "core/parallel.h"

namespace dl {
namespace {

double seconds_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void ignore(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction now {};
  sigaction(signal, nullptr, &now);
  return now.sa_handler == SIG_IGN;
}

/// The next of `signals` that arrives; 0 after a second when `for_a_second`, or when the wait was
/// cut short.
int next_signal(const sigset_t& signals, bool for_a_second) {
  constexpr timespec kSecond{1, 0};
  const int signal =
      for_a_second ? sigtimedwait(&signals, nullptr, &kSecond) : sigwaitinfo(&signals, nullptr);
  return signal > 0 ? signal : 0;
}

/// Past stdio, whose lock the thread that hangs may hold, and only where it need not wait.
void write_to_stderr(const char* text) {
  pollfd stream{STDERR_FILENO, POLLOUT, 0};
  if (poll(&stream, 1, 0) != 1 || (stream.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text, std::strlen(text));
}

[[noreturn]] void give_up(const StopFlag& flag) {
  char text[200];
  std::snprintf(text, sizeof text,
                "\nerror: signal %d was not answered for %.0f s: the running step hangs. The "
                "process ends; what was saved last stands.\n",
                flag.signal.load(), StopDeadline::patience_seconds(flag.longest_seconds));
  write_to_stderr(text);
  ::_exit(128 + flag.signal);
}

}  // namespace

void ignore_write_signals() {
  for (const int signal : {SIGPIPE, SIGXFSZ}) ignore(signal);
}

double StopDeadline::patience_seconds(double longest) {
  constexpr double kShortest = 60;
  constexpr double kTimesTheLongest = 10;
  return std::max(kShortest, kTimesTheLongest * longest);
}

bool StopDeadline::passed(double now_seconds, const StopFlag& flag) {
  constexpr double kLongestLook = 2;  // more: the whole process stood still (SIGSTOP)
  const std::int64_t batches = flag.batches;
  const bool moves = !looked_at_ || flag.saves > 0 || batches != batches_;
  quiet_seconds_ = moves ? 0 : quiet_seconds_ + std::min(kLongestLook, now_seconds - *looked_at_);
  looked_at_ = now_seconds;
  batches_ = batches;
  return quiet_seconds_ > patience_seconds(flag.longest_seconds);
}

SignalWatcher::SignalWatcher() {
  sigemptyset(&taken_);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&taken_, signal);
  if (!is_ignored(SIGHUP)) sigaddset(&taken_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &taken_, &before_);
  thread_ = start_thread([this] { watch(); });
}

SignalWatcher::~SignalWatcher() {
  ends_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR1);  // wakes it
  thread_.join();
  sigaddset(&before_, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

StopFlag& SignalWatcher::catch_stops() {
  catches_ = true;
  return flag_;
}

void SignalWatcher::watch() {
  StopDeadline deadline;
  while (true) {
    const int signal = next_signal(taken_, flag_.requested());
    if (ends_) return;
    if (signal != 0) take(signal);
    if (flag_.requested() && deadline.passed(seconds_now(), flag_)) give_up(flag_);
  }
}

/// Nothing needs tidying by the second stop: whatever is half-written has a temporary name.
void SignalWatcher::take(int signal) {
  if (signal == SIGUSR1) {
    flag_.save_now = true;
  } else if (!catches_ || flag_.signal.exchange(signal) != 0) {
    ::_exit(128 + signal);
  }
}

}  // namespace dl
