#include "datasets/splits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "core/random.h"
#include "tests/support/data_files.h"

namespace dl {
namespace {

using Counts = std::vector<std::size_t>;

/// So many labels of each class, mixed.
std::vector<std::int32_t> labels_of(const Counts& counts) {
  std::vector<std::int32_t> labels;
  for (std::size_t c = 0; c < counts.size(); ++c)
    labels.insert(labels.end(), counts[c], static_cast<std::int32_t>(c));
  std::vector<std::int32_t> mixed;
  for (const std::uint32_t i : shuffled(labels.size(), Random(9, RandomStream::test)))
    mixed.push_back(labels[i]);
  return mixed;
}

/// How many of each class are held out; what every split must be is checked.
Counts held_out(const Counts& counts, std::size_t valid, std::uint64_t seed = 0) {
  const auto labels = labels_of(counts);
  const HoldOut held = hold_out_by_class(labels, counts.size(), valid, seed);
  CHECK(held.valid.size() == valid);
  CHECK(std::ranges::is_sorted(held.train));
  CHECK(std::ranges::is_sorted(held.valid));
  std::vector<std::uint32_t> all = held.train;
  all.insert(all.end(), held.valid.begin(), held.valid.end());
  std::ranges::sort(all);
  std::vector<std::uint32_t> expected(labels.size());
  std::iota(expected.begin(), expected.end(), 0U);
  CHECK(all == expected);
  Counts found(counts.size());
  for (const std::uint32_t i : held.valid) ++found[static_cast<std::size_t>(labels[i])];
  return found;
}

}  // namespace

TEST_CASE("as large a share of each class is held out as of all") {
  CHECK(held_out(Counts(8, 25), 40) == Counts(8, 5));
  CHECK(held_out({60, 30, 10}, 10) == Counts{6, 3, 1});
  CHECK(held_out({55, 45}, 10).front() >= 5);
  CHECK(held_out({0, 10, 10}, 4) == Counts{0, 2, 2});
}

TEST_CASE("what is over goes to the largest remainders") {
  CHECK(held_out({50, 30, 20}, 11) == Counts{6, 3, 2});  // 5.5, 3.3, 2.2
  CHECK(held_out({50, 28, 22}, 11) == Counts{6, 3, 2});  // 5.5, 3.08, 2.42
  CHECK(held_out({28, 22, 50}, 12) == Counts{3, 3, 6});  // 3.36, 2.64, 6
  const Counts few = held_out(Counts(10, 10), 5);        // no class comes before another
  CHECK(*std::ranges::max_element(few) == 1);
  CHECK(held_out(Counts(10, 10), 5, 1) != few);
}

TEST_CASE("rare classes have one held out and keep one, where that can be") {
  CHECK(held_out({1000, 2, 2, 1}, 100) == Counts{98, 1, 1, 0});
  CHECK(held_out({10, 2}, 6) == Counts{5, 1});
  CHECK(held_out({10, 2}, 10) == Counts{9, 1});
  CHECK(held_out({10, 2}, 11)[0] >= 9);  // too many to spare one of each
  CHECK(held_out({1, 1, 1}, 2).size() == 3);
  CHECK(held_out({100, 2, 2, 2}, 2) == Counts{2, 0, 0, 0});  // too few for one of each
}

TEST_CASE("which samples are held out is a function of labels and seed") {
  const auto labels = labels_of({50, 50, 50});
  const HoldOut held = hold_out_by_class(labels, 3, 30, 7);
  CHECK(hold_out_by_class(labels, 3, 30, 7).valid == held.valid);
  CHECK(hold_out_by_class(labels, 3, 30, 8).valid != held.valid);
}

TEST_CASE("a source of labelled samples is split by class, one of numbers by chance") {
  const auto source = make_data_source(
      test::typed("synthetic", {{"shape", "[2]"}, {"classes", "4"}, {"samples", "103"}}));
  RunData data(*source, {}, 0.2, 3);
  const SampleSet valid = data.open(Split::valid);
  CHECK(valid.samples.size() == 21);
  const auto regression = make_data_source(
      test::typed("synthetic", {{"shape", "[2]"}, {"task", "regression"}, {"samples", "100"}}));
  RunData numbers(*regression, {}, 20, 3);
  const SampleSet held = numbers.open(Split::valid);
  const std::vector<std::uint32_t> found(held.samples.begin(), held.samples.end());
  CHECK(found == hold_out(100, 20, 3).valid);
}

}  // namespace dl
