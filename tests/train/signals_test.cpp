#include "engine/train/signals.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "tests/support/run_program.h"

namespace dl {
namespace {

/// Runs `body` in another process and returns that process's exit code (1000 + the signal if one
/// killed it).
int exit_code_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::signal(signal, SIG_DFL);
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/// To the process, as from outside.
void send(int signal) { ::kill(::getpid(), signal); }

bool blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

}  // namespace

TEST_CASE("the first stop signal asks to stop") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    CHECK(exit_code_of([&] {
            SignalWatcher signals;
            StopFlag& flag = signals.catch_stops();
            const bool before = flag.requested();
            send(signal);
            const bool after = test::wait_until([&] { return flag.requested(); });
            return !before && after && flag.signal == signal ? 0 : 1;
          }) == 0);
  }
}

TEST_CASE("the second stop signal ends the process at once, with its own exit code") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    CHECK(exit_code_of([&] {
            SignalWatcher signals;
            StopFlag& flag = signals.catch_stops();
            send(SIGINT);
            test::wait_until([&] { return flag.requested(); });
            send(signal);
            test::wait_until([] { return false; });
            return 0;
          }) == 128 + signal);
  }
}

TEST_CASE("a stop signal ends a process that does not catch it yet") {
  CHECK(exit_code_of([] {
          SignalWatcher signals;
          send(SIGTERM);
          test::wait_until([] { return false; });
          return 0;
        }) == 128 + SIGTERM);
}

TEST_CASE("SIGUSR1 asks for a checkpoint and for nothing else, also before stops are caught") {
  CHECK(exit_code_of([] {
          SignalWatcher signals;
          send(SIGUSR1);
          StopFlag& flag = signals.catch_stops();
          for (int i = 0; i < 3; ++i) {
            if (!test::wait_until([&] { return flag.save_now.exchange(false); })) return 1;
            send(SIGUSR1);
          }
          return flag.requested() ? 2 : 0;
        }) == 0);
}

TEST_CASE("no thread that is started later can be interrupted, and all is as it was afterwards") {
  CHECK(exit_code_of([] {
          {
            const SignalWatcher signals;
            bool all = true;
            std::thread([&] {
              for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) all &= blocked(signal);
            }).join();
            if (!all) return 1;
          }
          send(SIGUSR1);  // too late to save
          send(SIGTERM);
          return 2;
        }) == 1000 + SIGTERM);
}

TEST_CASE("a broken pipe and a file size limit are errors of the write") {
  CHECK(exit_code_of([] {
          ignore_write_signals();
          int ends[2];
          if (::pipe(ends) != 0) return 2;
          ::close(ends[0]);
          ::raise(SIGXFSZ);
          return ::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1;
        }) == 0);
}

TEST_CASE("a run started by nohup outlives its terminal") {
  CHECK(exit_code_of([] {
          ::signal(SIGHUP, SIG_IGN);
          SignalWatcher signals;
          StopFlag& flag = signals.catch_stops();
          send(SIGHUP);
          send(SIGUSR1);  // which is taken after it
          test::wait_until([&] { return flag.save_now.load(); });
          return flag.requested() ? 1 : 0;
        }) == 0);
}

TEST_CASE("a stop that nothing answers for a minute has hung, however often it is looked at") {
  StopFlag flag;
  StopDeadline deadline;
  double now = 1000;
  CHECK(!deadline.passed(now, flag));
  for (; now < 1060; now += 0.25) CHECK(!deadline.passed(now, flag));
  CHECK(deadline.passed(now + 1, flag));
}

TEST_CASE("a batch that ends and a save that is running are answers") {
  StopFlag flag;
  StopDeadline deadline;
  double now = 0;
  for (int batch = 0; batch < 5; ++batch) {
    flag.batch_done(1);
    for (int second = 0; second < 50; ++second) CHECK(!deadline.passed(++now, flag));
  }
  {
    const SaveInProgress saving(flag);
    for (int second = 0; second < 1000; ++second) CHECK(!deadline.passed(++now, flag));
  }
  for (int second = 0; second < 60; ++second) CHECK(!deadline.passed(++now, flag));
  CHECK(deadline.passed(++now, flag));
}

TEST_CASE("batches that take long are waited for ten times as long") {
  StopFlag flag;
  flag.batch_done(30);
  flag.batch_done(2);
  StopDeadline deadline;
  double now = 0;
  for (int second = 0; second <= 300; ++second) CHECK(!deadline.passed(++now, flag));
  CHECK(deadline.passed(++now, flag));
}

TEST_CASE("time in which the whole process stood still does not count") {
  const StopFlag flag;
  StopDeadline deadline;
  CHECK(!deadline.passed(0, flag));
  CHECK(!deadline.passed(100000, flag));
  CHECK(!deadline.passed(100001, flag));
}

}  // namespace dl
