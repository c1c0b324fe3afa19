#include "engine/train/machine_load.h"

#include <doctest/doctest.h>

#include <sstream>

namespace dl {
namespace {

std::optional<ProcessorTicks> ticks_of(const std::string& text, const std::set<int>& processors) {
  std::istringstream stat(text);
  return processor_ticks(stat, processors);
}

constexpr const char* kStat =
    "cpu  300 10 40 600 50 0 0 0 7 0\n"
    "cpu0 100 0 20 300 20 0 0 0 0 0\n"
    "cpu1 200 10 20 300 30 1 2 3 9 9\n"
    "intr 12345 0 0\n"
    "procs_running 3\n";

}  // namespace

TEST_CASE("of /proc/stat the processors count that the process may use") {
  const auto both = ticks_of(kStat, {0, 1});
  REQUIRE(both);
  CHECK(both->idle == 650);
  CHECK(both->all == 440 + 566);  // what guests use is a part of the first two columns
  CHECK(both->running == 3);
  const auto one = ticks_of(kStat, {1});
  REQUIRE(one);
  CHECK(one->idle == 330);
  CHECK(one->all == 566);
}

TEST_CASE("where /proc/stat is not as Linux writes it nothing is known") {
  CHECK(!ticks_of("", {0}));
  CHECK(!ticks_of(kStat, {0, 2}));
  CHECK(!ticks_of("cpu0 100 0 20 300 20 0 0 0 0 0\n", {0}));
  CHECK(!ticks_of("cpu0 100 0 20 300 20 0 0 0 0 0\nprocs_running many\n", {0}));
}

TEST_CASE("idle processors are a share of the ticks between two looks") {
  CHECK(idle_between({100, 1000, 1}, {105, 1010, 1}, 2) == 1.0);
  CHECK(idle_between({100, 1000, 1}, {100, 1010, 1}, 4) == 0.0);
  CHECK(idle_between({100, 1000, 1}, {100, 1000, 1}, 4) == 4.0);  // looked too soon
}

TEST_CASE("a note says that the machine is busy when too few processors are idle for the threads") {
  CHECK(load_note(2.0, 2, 2).empty());
  CHECK(load_note(1.6, 2, 2).empty());
  CHECK(load_note(0.9, 2, 1).empty());
  CHECK(load_note(30.0, 64, 16).empty());
  const std::string two = load_note(1.0, 2, 2);
  CHECK(two.find("1.0 of its 2 processors is idle, and 2 threads are to compute") !=
        std::string::npos);
  CHECK(two.find("train.threads: measured") != std::string::npos);
  const std::string one = load_note(0.2, 2, 1);
  CHECK(one.find("0.2 of its 2 processors are idle, and 1 thread is to compute") !=
        std::string::npos);
  CHECK(one.find("train.threads") == std::string::npos);  // fewer there cannot be
}

TEST_CASE("a machine with a processor for each thread that runs is no news") {
  CHECK(load_note(-1000).empty());
}

}  // namespace dl
