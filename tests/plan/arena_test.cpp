#include "engine/plan/arena.h"

#include <doctest/doctest.h>

#include "core/random.h"

namespace dl {
namespace {

bool overlap(const Lifetime& a, std::size_t a_offset, const Lifetime& b, std::size_t b_offset) {
  const bool in_time = a.first <= b.last && b.first <= a.last;
  const bool in_space = a_offset < b_offset + b.bytes && b_offset < a_offset + a.bytes;
  return in_time && in_space;
}

}  // namespace

TEST_CASE("blocks that are never alive together share memory") {
  const std::vector<Lifetime> blocks = {{1000, 0, 1}, {1000, 2, 3}, {500, 1, 2}};
  const ArenaLayout layout = lay_out_arena(blocks);
  CHECK(layout.offsets[0] == layout.offsets[1]);
  CHECK(layout.bytes == 1024 + 512);
}

TEST_CASE("what is covered by extents is counted once") {
  CHECK(covered_bytes({}) == 0);
  CHECK(covered_bytes({{100, 50}, {0, 10}, {120, 10}, {140, 20}, {0, 4}}) == 70);
}

TEST_CASE("of a block that is touched in part so much is expected to cost memory") {
  const std::vector<Lifetime> blocks = {{1024, 0, 1, 100}, {512, 1, 2}};
  CHECK(covered_bytes(lay_out_arena(blocks).touched) == 612);
}

TEST_CASE("blocks alive at the same step never overlap, whatever their sizes") {
  Random random(1, RandomStream::test);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> blocks(1 + random.below(40));
    std::size_t total = 0;
    for (Lifetime& block : blocks) {
      const int first = static_cast<int>(random.below(20));
      block = {random.below(5000), first, first + static_cast<int>(random.below(10))};
      total += (block.bytes + 63) / 64 * 64;
    }
    const ArenaLayout layout = lay_out_arena(blocks);
    CHECK(layout.bytes <= total);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      CHECK(layout.offsets[i] % 64 == 0);
      CHECK(layout.offsets[i] + blocks[i].bytes <= layout.bytes);
      for (std::size_t j = 0; j < i; ++j) {
        CHECK_FALSE(overlap(blocks[i], layout.offsets[i], blocks[j], layout.offsets[j]));
      }
    }
  }
}

}  // namespace dl
