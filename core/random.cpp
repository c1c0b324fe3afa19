#include "core/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>
#include <numeric>

namespace dl {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  const r123::Philox4x32 generator;
  const auto out =
      generator({{counter[0], counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
  return {out[0], out[1], out[2], out[3]};
}

Random::Random(std::uint64_t seed, RandomStream stream, std::uint64_t a, std::uint64_t b) {
  // The counter has room for the draw, `b` and half of `a`; the rest goes through one round into
  // the key.
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  const auto mixed =
      philox({static_cast<std::uint32_t>(stream), high(a), high(b), 0}, {low(seed), high(seed)});
  key_ = {mixed[0], mixed[1]};
  counter_ = {0, low(a), low(b), mixed[2]};
}

std::uint32_t Random::bits() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

float Random::uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24F; }

float Random::uniform(float low, float high) { return low + (high - low) * uniform(); }

std::uint64_t Random::below(std::uint64_t bound) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  while (true) {
    const std::uint64_t first = bits();
    const std::uint64_t draw = first << 32 | bits();
    if (draw < limit) return draw % bound;
  }
}

float Random::normal() {
  const double u = (bits() + 1.0) * 0x1p-32;  // (0, 1], so that the logarithm is finite
  const double v = bits() * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

std::vector<std::uint32_t> shuffled(std::size_t count, Random random) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace dl
