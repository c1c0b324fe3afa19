#include "engine/plan/arena.h"

#include <algorithm>
#include <numeric>

#include "core/aligned_buffer.h"

namespace dl {

std::size_t covered_bytes(std::vector<Extent> extents) {
  std::ranges::sort(extents, {}, &Extent::first);
  std::size_t covered = 0, end = 0;  // of what was counted
  for (const Extent& extent : extents) {
    const std::size_t from = std::max(end, extent.first);
    end = std::max(end, extent.first + extent.bytes);
    covered += end - std::min(end, from);
  }
  return covered;
}

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
  for (std::size_t i = 0; i < lifetimes.size(); ++i)
    layout.touched.push_back({layout.offsets[i], lifetimes[i].touched});
  return layout;
}

}  // namespace dl
