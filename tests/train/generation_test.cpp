#include "engine/train/generation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace dl {
namespace {

constexpr float kScores[] = {0.5F, 2.0F, -1.0F, 2.0F, 1.0F};

std::vector<int> draws(const Sampling& sampling, int count) {
  Random random(sampling.seed, RandomStream::generate);
  std::vector<std::uint32_t> order;
  std::vector<int> hits(5);
  for (int i = 0; i < count; ++i) ++hits[draw_token(kScores, sampling, random, order)];
  return hits;
}

}  // namespace

TEST_CASE("tokens are drawn as often as softmax says, at every temperature") {
  constexpr int kDraws = 20'000;
  for (const double temperature : {0.5, 1.0, 2.0}) {
    CAPTURE(temperature);
    const std::vector<int> hits = draws({.temperature = temperature}, kDraws);
    double total = 0;
    for (const float score : kScores) total += std::exp(score / temperature);
    for (std::size_t i = 0; i < 5; ++i) {
      const double share = std::exp(kScores[i] / temperature) / total;
      const double deviation = std::sqrt(share * (1 - share) / kDraws);
      CHECK(std::abs(hits[i] / double(kDraws) - share) < 4 * deviation);
    }
  }
}

TEST_CASE("without a temperature the likeliest token comes, of equal ones the first") {
  CHECK(draws({.temperature = 0}, 50) == std::vector<int>{0, 50, 0, 0, 0});
  CHECK(draws({.top_k = 1}, 50) == std::vector<int>{0, 50, 0, 0, 0});
}

TEST_CASE("top_k leaves the others out") {
  const std::vector<int> hits = draws({.temperature = 5, .top_k = 3}, 1000);
  CHECK(hits[0] == 0);
  CHECK(hits[2] == 0);
  CHECK(hits[1] > 200);
  CHECK(hits[3] > 200);
  CHECK(hits[4] > 200);
  CHECK(draws({.temperature = 5, .top_k = 9}, 1000)[2] > 50);
}

TEST_CASE("scores that are no numbers are refused, and what cannot come is never drawn") {
  Random random(1, RandomStream::generate);
  std::vector<std::uint32_t> order;
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<float> bad[] = {{nan, 1, 2}, {1, nan, 2}, {1, 2, inf}, {-inf, -inf, -inf}};
  for (const Sampling& sampling : {Sampling{}, Sampling{.temperature = 0}, Sampling{.top_k = 2}}) {
    for (const std::vector<float>& scores : bad) {
      try {
        draw_token(scores, sampling, random, order);
        FAIL("drawn");
      } catch (const UserError& error) {
        CHECK(error.code() == ExitCode::diverged);
      }
    }
    for (int i = 0; i < 50; ++i)
      CHECK(draw_token(std::vector<float>{-inf, 1, 2}, sampling, random, order) != 0);
  }
}

}  // namespace dl
