#include "engine/train/signals.h"

#include <signal.h>
#include <unistd.h>

namespace dl {
namespace {

// The one mutable global of the program: a handler gets no argument of its own, so there is no
// other way to it.
StopFlag g_flag;

static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "a handler must not wait for a lock");

// Nothing needs tidying by the second signal: whatever is half-written has a temporary name.
extern "C" void on_stop(int signal) {
  if (g_flag.signal.exchange(signal) != 0) _exit(128 + signal);
}

extern "C" void on_save(int) { g_flag.save_now.store(true); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

StopFlag& catch_signals() {
  for (const int signal : {SIGINT, SIGTERM}) handle(signal, on_stop);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) handle(SIGHUP, on_stop);  // else: started by nohup
  handle(SIGUSR1, on_save);
  for (const int signal : {SIGPIPE, SIGXFSZ}) handle(signal, SIG_IGN);
  return g_flag;
}

}  // namespace dl
