#include "core/parallel.h"

#include <doctest/doctest.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dl {
namespace {

using Pieces = std::set<std::pair<std::size_t, std::size_t>>;

Pieces pieces_of(std::size_t count) {
  std::mutex mutex;
  Pieces pieces;
  parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
    const std::lock_guard lock(mutex);
    pieces.emplace(begin, end);
  });
  return pieces;
}

/// Threads for as long as the object lives.
struct Threads {
  int before = thread_count();
  explicit Threads(int count) { use_threads(count); }
  ~Threads() { use_threads(before); }
};

}  // namespace

TEST_CASE(
    "the cut into pieces depends on count and threads alone, not on the team that OpenMP gives") {
  const Threads four(4);
  const Pieces whole = pieces_of(100);
  CHECK(whole == Pieces{{0, 32}, {32, 64}, {64, 96}, {96, 100}});
  Pieces alone;
  int team = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
  {  // inside a parallel region another one has a single thread
#pragma omp parallel num_threads(4)
#pragma omp single
    team = omp_get_num_threads();
    omp_set_num_threads(4);
    alone = pieces_of(100);
  }
  CHECK(team == 1);
  CHECK(alone == whole);
}

TEST_CASE("of exceptions on several threads that of the first piece arrives") {
  const Threads four(4);
  for (int trial = 0; trial < 20; ++trial) {
    CHECK_THROWS_WITH_AS(parallel_for(100, 1,
                                      [](std::size_t begin, std::size_t) {
                                        if (begin >= 32)
                                          throw std::runtime_error(std::to_string(begin));
                                      }),
                         "32", std::runtime_error);
    CHECK_THROWS_WITH_AS(parallel_with<int>(100,
                                            [](std::size_t i, int&) {
                                              if (i >= 40)
                                                throw std::runtime_error(std::to_string(i));
                                            }),
                         "40", std::runtime_error);
  }
}

TEST_CASE("every index is worked on once") {
  for (const int threads : {1, 3}) {
    const Threads some(threads);
    for (const std::size_t count : {0U, 1U, 16U, 47U, 48U, 49U, 1000U}) {
      std::vector<int> each(count), with(count);
      parallel_each(count, 1 << 14, [&](std::size_t i) { ++each[i]; });
      parallel_with<int>(count, [&](std::size_t i, int&) { ++with[i]; });
      CHECK(each == std::vector<int>(count, 1));
      CHECK(with == each);
    }
  }
}

}  // namespace dl
