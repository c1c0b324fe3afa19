#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <thread>

namespace dl {

/// Compiles a loop over floats for the vector units of this machine, chosen when the program
/// starts. Without contraction (see CMakeLists.txt) every version gives the same bits.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define DL_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DL_VECTORISED
#endif

/// Threads that our own loops and oneDNN use.
int thread_count();
/// Set by the command, before any plan is made: starts `count` threads, of which the caller is one,
/// and returns how many OpenMP really gives, which may be fewer (OMP_THREAD_LIMIT) and is what
/// thread_count() says from now on: a primitive made for more would wait for them forever. Throws
/// UserError (ExitCode::memory) where the system has no room for so many.
int use_threads(int count);
/// Whether OpenMP may give teams of changing sizes (OMP_DYNAMIC); not after use_threads().
bool teams_may_shrink();

/// Throws UserError (ExitCode::memory) where the system gives no more threads.
std::thread start_thread(std::function<void()> body);

/// Calls body(begin, end) on contiguous pieces of 0..count, a piece a thread. Pieces start at
/// multiples of 16 elements (a cache line of floats), and small counts (under `grain` a thread) use
/// fewer threads. The cut depends only on count and threads: same threads, same bits, also where
/// OpenMP gives fewer than were asked for. Of several exceptions that of the first piece is thrown.
template <class Body>
void parallel_for(std::size_t count, std::size_t grain, const Body& body) {
  constexpr std::size_t kAlign = 16;
  const std::size_t wanted = std::max<std::size_t>(1, count / std::max<std::size_t>(grain, 1));
  const int threads = static_cast<int>(std::min<std::size_t>(wanted, thread_count()));
  if (threads <= 1) {
    if (count > 0) body(std::size_t{0}, count);
    return;
  }
  const std::size_t size = ((count + threads - 1) / threads + kAlign - 1) / kAlign * kAlign;
  int failed = threads;
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  for (int piece = omp_get_thread_num(); piece < threads; piece += omp_get_num_threads()) {
    const std::size_t begin = std::min(count, size * piece), end = std::min(count, begin + size);
    try {
      if (begin < end) body(begin, end);
    } catch (...) {
#pragma omp critical(dl_parallel_for)
      if (piece < failed) {
        failed = piece;
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Calls body(i) for every i below count, where each is a piece of work worth `work` elements of a
/// simple loop. What a body computes must not depend on the others.
template <class Body>
void parallel_each(std::size_t count, std::size_t work, const Body& body) {
  constexpr std::size_t kUnit = 16;  // parallel_for cuts at multiples of it
  constexpr std::size_t kGrain = 1 << 14;
  parallel_for(count * kUnit, std::max(kUnit, kUnit * kGrain / std::max<std::size_t>(work, 1)),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin / kUnit; i < end / kUnit; ++i) body(i);
               });
}

/// Calls body(i, scratch) for each i below count, on all threads, each with a scratch of its own.
/// Of several exceptions that of the smallest i is thrown.
template <class Scratch, class Body>
void parallel_with(std::size_t count, const Body& body) {
  parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
    for (Scratch scratch; begin < end; ++begin) body(begin, scratch);
  });
}

}  // namespace dl
