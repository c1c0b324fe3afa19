#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace dl {

/// What a random number is for. Part of the generator's counter, so that no use disturbs another.
enum class RandomStream : std::uint32_t {
  init = 1,
  shuffle = 2,
  split = 3,
  augment = 4,
  dropout = 5,
  synthetic = 6,
  test = 7,
  generate = 8,
  mix = 9
};

/// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the
/// number is a function of (seed, stream, a, b, draw) and of nothing else, so there is no state to
/// save, and the order in which threads ask does not matter. `a` and `b` are what the stream says:
/// epoch and sample, or layer.
class Random {
 public:
  Random(std::uint64_t seed, RandomStream stream, std::uint64_t a = 0, std::uint64_t b = 0);

  std::uint32_t bits();
  /// Uniform in [0, 1), 24 bits.
  float uniform();
  float uniform(float low, float high);
  /// Uniform in [0, bound), without bias. bound >= 1.
  std::uint64_t below(std::uint64_t bound);
  /// Standard normal (Box-Muller).
  float normal();

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

/// The block of four numbers at `counter` for `key`: for vectorised use (dropout), where element i
/// of a tensor takes number i.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

/// A permutation of 0..count-1 (Fisher-Yates).
std::vector<std::uint32_t> shuffled(std::size_t count, Random random);

}  // namespace dl
