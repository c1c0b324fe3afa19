#include "engine/train/step_pace.h"

#include <doctest/doctest.h>

namespace dl {
namespace {

/// Adds `count` batches that take `seconds` each; the first slowdown that is told.
std::optional<StepPace::Slowdown> add(StepPace& pace, int count, double seconds) {
  std::optional<StepPace::Slowdown> told;
  for (int i = 0; i < count; ++i) {
    const auto slowdown = pace.add(seconds);
    if (slowdown && !told) told = slowdown;
  }
  return told;
}

/// One whose first batches took a millisecond, but for what warmed up.
StepPace started() {
  StepPace pace;
  CHECK(!pace.add(5.0));
  CHECK(!add(pace, 10, 0.001));
  return pace;
}

}  // namespace

TEST_CASE("batches that keep their pace, or are somewhat slower, are no news") {
  StepPace pace = started();
  CHECK(!add(pace, 10'000, 0.001));
  CHECK(!add(pace, 10'000, 0.0039));
}

TEST_CASE("batches that become several times slower are told of, once") {
  StepPace pace = started();
  CHECK(!add(pace, 3000, 0.001));
  const auto slowdown = add(pace, 1000, 0.01);
  REQUIRE(slowdown);
  CHECK(slowdown->first_seconds == doctest::Approx(0.001));
  CHECK(slowdown->seconds > 0.004);
  CHECK(!add(pace, 1000, 0.01));
  CHECK(!add(pace, 1000, 0.001));
  CHECK(!add(pace, 1000, 0.1));
}

TEST_CASE("a stall of one batch in many is no slowdown, and stalls of one in ten are") {
  StepPace pace = started();
  for (int i = 0; i < 20; ++i) {
    CHECK(!add(pace, 1, 0.5));
    CHECK(!add(pace, 2000, 0.001));
  }
  std::optional<StepPace::Slowdown> told;
  for (int i = 0; i < 20 && !told; ++i) {
    told = add(pace, 1, 0.5);
    if (!told) told = add(pace, 9, 0.001);
  }
  CHECK(told);
}

TEST_CASE("long batches are not judged by one alone") {
  StepPace pace;
  CHECK(!add(pace, 11, 3.0));
  CHECK(!add(pace, 4, 30.0));
  CHECK(add(pace, 1, 30.0));
}

TEST_CASE("the note says how much slower, and what to do where there are several threads") {
  const std::string note = slowdown_note({0.0015, 0.15}, 2);
  CHECK(note.find("a batch takes 150 ms by now, 100 times as long") == 0);
  CHECK(note.find("--set train.threads=measured") != std::string::npos);
  CHECK(slowdown_note({0.0015, 0.15}, 1).find("train.threads") == std::string::npos);
}

}  // namespace dl
