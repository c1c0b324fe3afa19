#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dl {

/// A block of memory and the steps (first and last, both included) between which its bytes matter.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0;
  int last = 0;
  std::size_t touched = bytes;  // of them, from the first on, that are ever written
};

/// Bytes of an arena, from the first on.
struct Extent {
  std::size_t first = 0, bytes = 0;
};
/// The bytes that lie in any of them.
std::size_t covered_bytes(std::vector<Extent> extents);

struct ArenaLayout {
  std::vector<std::size_t> offsets;  // one a lifetime, multiples of 64
  std::size_t bytes = 0;
  std::vector<Extent> touched;  // of them: one a lifetime
};

/// Lays blocks out so that those alive at the same step never overlap: the largest first, each at
/// the lowest place that is free all its life. A pure function.
ArenaLayout lay_out_arena(std::span<const Lifetime> lifetimes);

}  // namespace dl
