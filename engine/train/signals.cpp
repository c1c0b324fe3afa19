#include "engine/train/signals.h"

#include <signal.h>
#include <unistd.h>

namespace dl {
namespace {

// A handler has no argument of its own, so this one pointer must be reachable from nowhere else.
StopFlag* g_flag = nullptr;

extern "C" void on_stop(int signal) {
  if (g_flag->signal.exchange(signal) != 0) _exit(128 + signal);
}

extern "C" void on_save(int) { g_flag->save_now.store(true); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_signals(StopFlag& flag) {
  g_flag = &flag;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) handle(signal, on_stop);
  handle(SIGUSR1, on_save);
  for (const int signal : {SIGPIPE, SIGXFSZ}) handle(signal, SIG_IGN);
}

}  // namespace dl
