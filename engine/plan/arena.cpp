#include "engine/plan/arena.h"

#include <algorithm>
#include <numeric>

#include "engine/core/aligned_buffer.h"

namespace dl {

ArenaLayout lay_out_arena(std::span<const Lifetime> lifetimes) {
  const auto rounded = [&](int i) {
    constexpr std::size_t kLine = AlignedBuffer::kAlignment;
    return (lifetimes[i].bytes + kLine - 1) / kLine * kLine;
  };
  std::vector<int> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

  ArenaLayout layout;
  layout.offsets.resize(lifetimes.size());
  std::vector<int> placed;  // by offset
  for (const int i : order) {
    std::size_t offset = 0;
    for (const int other : placed) {
      const bool together = lifetimes[i].first <= lifetimes[other].last &&
                            lifetimes[other].first <= lifetimes[i].last;
      if (!together) continue;
      if (layout.offsets[other] >= offset + rounded(i))
        break;  // the gap before `other` is wide enough
      offset = std::max(offset, layout.offsets[other] + rounded(other));
    }
    layout.offsets[i] = offset;
    layout.bytes = std::max(layout.bytes, offset + rounded(i));
    const auto at = std::upper_bound(
        placed.begin(), placed.end(), offset,
        [&](std::size_t value, int other) { return value < layout.offsets[other]; });
    placed.insert(at, i);
  }
  return layout;
}

}  // namespace dl
