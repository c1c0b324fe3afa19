#include "engine/train/signals.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace dl {
namespace {

/// Catches signals in another process, runs `body` there and returns that process's exit code
/// (1000 + the signal if one killed it).
int exit_code_of(const std::function<int(StopFlag&)>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    StopFlag& flag = catch_signals();
    ::_exit(body(flag));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("the first signal asks to stop") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    CHECK(exit_code_of([&](StopFlag& flag) {
            const bool before = flag.requested();
            ::raise(signal);
            return !before && flag.requested() && flag.signal == signal ? 0 : 1;
          }) == 0);
  }
}

TEST_CASE("the second signal ends the process at once, with its own exit code") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    CHECK(exit_code_of([&](StopFlag&) {
            ::raise(SIGINT);
            ::raise(signal);
            return 0;
          }) == 128 + signal);
  }
}

TEST_CASE("SIGUSR1 asks for a checkpoint and for nothing else") {
  CHECK(exit_code_of([](StopFlag& flag) {
          ::raise(SIGUSR1);
          ::raise(SIGUSR1);
          return flag.save_now && !flag.requested() ? 0 : 1;
        }) == 0);
}

TEST_CASE("a broken pipe and a file size limit are errors of the write") {
  CHECK(exit_code_of([](StopFlag&) {
          int ends[2];
          if (::pipe(ends) != 0) return 2;
          ::close(ends[0]);
          ::raise(SIGXFSZ);
          return ::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1;
        }) == 0);
}

TEST_CASE("a run started by nohup outlives its terminal") {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGHUP, SIG_IGN);
    StopFlag& flag = catch_signals();
    ::raise(SIGHUP);
    ::_exit(flag.requested() ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace dl
