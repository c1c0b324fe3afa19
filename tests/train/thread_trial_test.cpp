#include "engine/train/thread_trial.h"

#include <doctest/doctest.h>

#include <functional>

namespace dl {
namespace {

/// Runs a trial in which step number `i` with so many threads takes `ms(threads, i)`; how many
/// steps it ran, and how long they took.
struct Run {
  int steps = 0;
  double total_ms = 0;

  Run(ThreadTrial& trial, const std::function<double(int threads, int step)>& ms) {
    int before = 0, step = 0;
    while (const int threads = trial.next()) {
      if (threads != before) step = 0;
      before = threads;
      const double used = ms(threads, step++);
      trial.add(used);
      total_ms += used;
      ++steps;
      REQUIRE(steps < 100'000);
    }
  }
};

std::vector<int> threads_of(const ThreadTrial& trial) {
  std::vector<int> threads;
  for (const auto& candidate : trial.candidates()) threads.push_back(candidate.threads);
  return threads;
}

}  // namespace

TEST_CASE("one, half of and all threads are tried, each number once") {
  CHECK(threads_of(ThreadTrial(1)) == std::vector<int>{1});
  CHECK(threads_of(ThreadTrial(2)) == std::vector<int>{1, 2});
  CHECK(threads_of(ThreadTrial(3)) == std::vector<int>{1, 2, 3});
  CHECK(threads_of(ThreadTrial(64)) == std::vector<int>{1, 32, 64});
}

TEST_CASE("where there is one thread nothing is run") {
  ThreadTrial trial(1);
  CHECK(Run(trial, [](int, int) { return 1.0; }).steps == 0);
  CHECK(trial.fastest() == 1);
}

TEST_CASE(
    "the fastest is taken, of equals the one with fewer threads, and warming up is left out") {
  const auto fastest = [](double one, double two, double four) {
    ThreadTrial trial(4);
    Run(trial, [&](int threads, int step) {
      const double ms = threads == 1 ? one : threads == 2 ? two : four;
      return step == 0 ? ms + 50 : ms;
    });
    return trial.fastest();
  };
  CHECK(fastest(4, 2, 1) == 4);
  CHECK(fastest(4, 2, 3) == 2);
  CHECK(fastest(4, 5, 6) == 1);
  CHECK(fastest(2, 2, 2) == 1);
  CHECK(fastest(3, 2, 2) == 2);
}

TEST_CASE("a number of threads whose steps stall is given up at the first that shows it") {
  ThreadTrial trial(2);
  const Run run(trial, [](int threads, int) { return threads == 1 ? 1.9 : 560.0; });
  CHECK(trial.fastest() == 1);
  CHECK(trial.candidates()[1].given_up);
  CHECK(run.total_ms < 210 + 560);
}

TEST_CASE("a stall now and then decides, though most steps are faster") {
  ThreadTrial trial(2);
  Run(trial, [](int threads, int step) { return threads == 1 ? 1.9 : step % 10 == 5 ? 150 : 1.3; });
  CHECK(trial.fastest() == 1);
}

TEST_CASE("long steps are run once, and so end soon") {
  ThreadTrial trial(8);
  const Run run(trial, [](int threads, int) { return 12'000.0 / threads; });
  CHECK(trial.fastest() == 8);
  CHECK(run.steps == 3);
}

TEST_CASE("a trial of any steps takes a second for each number, or a step or two") {
  for (const double ms : {0.1, 1.0, 30.0, 300.0, 999.0}) {
    CAPTURE(ms);
    ThreadTrial trial(4);
    CHECK(Run(trial, [&](int threads, int) { return ms / threads; }).total_ms <
          3 * (1000 + 2 * ms));
    CHECK(trial.fastest() == 4);
  }
}

TEST_CASE("the number takes the place of the word in a resolved config, however that is written") {
  CHECK(with_threads("name: measured\ntrain: {epochs: 2, threads: measured}\n", 3) ==
        "name: measured\ntrain: {epochs: 2, threads: 3}\n");
  CHECK(with_threads("data:\n  note: 'threads: measured $$'\ntrain:\n  epochs: 2\n"
                     "  threads: measured\n  monitor: valid/measured\n",
                     12) ==
        "data:\n  note: 'threads: measured $$'\ntrain:\n  epochs: 2\n"
        "  threads: 12\n  monitor: valid/measured\n");
}

}  // namespace dl
