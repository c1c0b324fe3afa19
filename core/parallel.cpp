#include "core/parallel.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/error.h"

namespace dl {
namespace {

/// Has so many threads at once, for a moment: OpenMP ends the program where it cannot start one.
void expect_threads(int count) {
  std::mutex mutex;
  std::condition_variable all_there;
  bool go = false;
  std::vector<std::thread> threads;
  const auto release = [&] {
    {
      const std::lock_guard lock(mutex);
      go = true;
    }
    all_there.notify_all();
    for (std::thread& thread : threads) thread.join();
  };
  try {
    threads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      threads.push_back(start_thread([&] {
        std::unique_lock lock(mutex);
        all_there.wait(lock, [&] { return go; });
      }));
    }
  } catch (...) {
    release();
    throw;
  }
  release();
}

}  // namespace

// OpenMP's own setting is the one place that both oneDNN and our loops read.
int thread_count() { return omp_get_max_threads(); }

bool teams_may_shrink() { return omp_get_dynamic() != 0; }

int use_threads(int count) {
  expect_threads(count - 1);
  omp_set_dynamic(0);
  omp_set_num_threads(count);
  int team = 1;
#pragma omp parallel
#pragma omp single
  team = omp_get_num_threads();
  omp_set_num_threads(team);
  return team;
}

std::thread start_thread(std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw UserError(ExitCode::memory,
                    std::string("the system gives no more threads: ") + error.code().message(),
                    "fewer train.threads and data.workers need less; ulimit -v and ulimit -u show "
                    "what is allowed");
  }
}

}  // namespace dl
