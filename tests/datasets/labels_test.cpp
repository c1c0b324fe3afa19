#include "datasets/labels.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "datasets/batches.h"
#include "datasets/memory_dataset.h"
#include "tests/support/data_files.h"

namespace dl::test {
namespace {

/// 200 samples of class 0, 20 of class 1 and 5 of class 2, in turns; class 3 has none.
class Unequal final : public Dataset {
 public:
  explicit Unequal(std::int64_t classes) : spec_(labelled_pictures({1, 1, 1}, classes)) {}
  static std::int32_t label(std::size_t index) { return index % 45 == 7 ? 2 : index % 11 == 3; }
  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return 225; }
  void read(std::size_t index, SampleBuffers out) const override {
    out[0][0] = std::byte{static_cast<std::uint8_t>(index)};
    const std::int32_t value = label(index);
    std::memcpy(out[1].data(), &value, sizeof(value));
  }
  std::string fingerprint() const override { return "unequal"; }

 private:
  DataSpec spec_;
};

struct Setup {
  Unequal data{3};
  std::vector<std::uint32_t> samples;
  Pipeline pipeline{data.spec(), {}};

  Setup() : samples(225) { std::iota(samples.begin(), samples.end(), 0U); }
  std::vector<std::vector<std::uint32_t>> classes() const {
    return samples_by_class({&data, samples}, {});
  }
  /// The samples of an epoch from batch `first` on, by the numbers in the pictures.
  std::vector<std::size_t> epoch(std::uint64_t number, std::size_t first = 0,
                                 std::size_t workers = 1) const {
    Batches batches({&data, samples}, pipeline,
                    {.batch = 10,
                     .shuffle = true,
                     .classes = classes(),
                     .seed = 4,
                     .prefetch = workers,
                     .workers = workers});
    batches.start(number, first);
    std::vector<std::size_t> all;
    while (const Batch* batch = batches.next()) {
      const auto pixels = batch->inputs[0].floats();
      const auto labels = batch->targets[0].ints();
      for (std::size_t i = 0; i < batch->samples; ++i) {
        all.push_back(static_cast<std::size_t>(std::lround(pixels[i] * 255)));
        CHECK(labels[i] == Unequal::label(all.back()));
        CHECK(batches.sample_of(first * 10 + all.size() - 1) == all.back());
      }
    }
    return all;
  }
};

}  // namespace

TEST_CASE("samples are told apart by class, in their order") {
  const Setup setup;
  const auto classes = setup.classes();
  REQUIRE(classes.size() == 3);
  std::size_t count = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(std::is_sorted(classes[c].begin(), classes[c].end()));
    for (const std::uint32_t sample : classes[c])
      CHECK(static_cast<std::size_t>(Unequal::label(sample)) == c);
    count += classes[c].size();
  }
  CHECK(count == 225);
  CHECK(classes[2].size() == 5);
  const Unequal one_more(4);
  CHECK_THROWS_WITH_AS(samples_by_class({&one_more, setup.samples}, {}),
                       doctest::Contains("class '3' has no training samples"), UserError);
}

TEST_CASE("balanced epochs have all classes as often, and in each every sample") {
  const Setup setup;
  const auto classes = setup.classes();
  std::map<std::size_t, int> draws;
  std::vector<int> by_class(3);
  constexpr int kEpochs = 400;
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const auto order = setup.epoch(epoch);
    REQUIRE(order.size() == 225);
    for (const std::size_t sample : order) {
      ++draws[sample];
      ++by_class[static_cast<std::size_t>(Unequal::label(sample))];
    }
  }
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(std::abs(by_class[c] / (kEpochs * 225.0) - 1 / 3.0) < 0.01);
    const double expected = kEpochs * 75.0 / static_cast<double>(classes[c].size());
    for (const std::uint32_t sample : classes[c])
      CHECK(std::abs(draws[sample] - expected) < 5 * std::sqrt(expected));
  }
}

TEST_CASE("a balanced order is a function of seed and epoch, and can be entered at any batch") {
  const Setup setup;
  const auto whole = setup.epoch(3);
  CHECK(setup.epoch(3) == whole);
  CHECK(setup.epoch(4) != whole);
  CHECK(setup.epoch(3, 0, 3) == whole);
  CHECK(setup.epoch(3, 7, 2) == std::vector(whole.begin() + 70, whole.end()));
}

}  // namespace dl::test
