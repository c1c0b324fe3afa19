#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "core/error.h"
#include "datasets/batches.h"
#include "tests/support/data_files.h"

namespace dl {
namespace {

using test::typed;

/// Pictures of which each says its number: every pixel and the target are the index. Can be slow,
/// or fail.
class Numbered final : public Dataset {
 public:
  explicit Numbered(std::size_t size) : size_(size) {
    spec_.inputs = {{"image", DataType::f32, {2, 3}}};
    spec_.targets = {{"label", DataType::s32, {}}};
    spec_.classes = static_cast<std::int64_t>(size);
  }
  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return size_; }
  void read(std::size_t index, SampleBuffers out) const override {
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    if (stop && ++stop->reads == stop->after) stop->flag.signal = 15;
    if (index == bad) throw UserError(ExitCode::data, "sample is damaged");
    if (index >= bad_from) {  // the earlier it is, the later it throws
      std::this_thread::sleep_for(std::chrono::microseconds(100 * (size_ - index)));
      throw UserError(ExitCode::data, "sample " + std::to_string(index) + " is damaged");
    }
    std::fill_n(reinterpret_cast<float*>(out[0].data()), 6, static_cast<float>(index));
    *reinterpret_cast<std::int32_t*>(out[1].data()) = static_cast<std::int32_t>(index);
  }
  std::string fingerprint() const override { return "numbered"; }

  /// Stops everything while the sample `after` is read.
  struct Stop {
    StopFlag flag;
    std::atomic<int> reads = 0;
    int after = 0;
  };
  std::chrono::microseconds delay{0};
  Stop* stop = nullptr;
  std::size_t bad = SIZE_MAX, bad_from = SIZE_MAX;

 private:
  DataSpec spec_;
  std::size_t size_;
};

struct Setup {
  explicit Setup(std::size_t size) : data(size), samples(size), pipeline(data.spec(), {}) {
    std::iota(samples.begin(), samples.end(), 0U);
  }
  SampleSet set() const { return {&data, samples}; }

  Numbered data;
  std::vector<std::uint32_t> samples;
  Pipeline pipeline;
};

/// The labels of every batch that is left of the epoch.
std::vector<std::vector<int>> drain(Batches& batches) {
  std::vector<std::vector<int>> all;
  while (const Batch* batch = batches.next()) {
    const auto labels = batch->targets[0].ints();
    all.emplace_back(labels.begin(), labels.end());
    const auto pixels = batch->inputs[0].floats();
    CHECK(pixels.size() == labels.size() * 6);
    for (std::size_t i = 0; i < pixels.size(); ++i) CHECK(pixels[i] == labels[i / 6]);
    CHECK(batch->samples == labels.size());
  }
  return all;
}

std::vector<std::vector<int>> epoch_of(const Setup& setup, BatchOptions options,
                                       std::uint64_t epoch, std::size_t first = 0) {
  Batches batches(setup.set(), setup.pipeline, options);
  batches.start(epoch, first);
  return drain(batches);
}

}  // namespace

TEST_CASE("evaluation shows every sample in order, the last batch partial") {
  const Setup setup(10);
  CHECK(epoch_of(setup, {.batch = 4}, 0) ==
        std::vector<std::vector<int>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}});
  Batches dropping(setup.set(), setup.pipeline, {.batch = 4, .drop_last = true});
  CHECK(dropping.per_epoch() == 2);
  CHECK(dropping.samples_per_epoch() == 8);
  dropping.start(0);
  CHECK(drain(dropping).size() == 2);
}

TEST_CASE("an epoch's order depends on seed and epoch, and not on prefetch or workers") {
  const Setup setup(50);
  const BatchOptions options{.batch = 8, .shuffle = true, .seed = 3, .prefetch = 0};
  const auto expected = epoch_of(setup, options, 5);
  std::multiset<int> seen;
  for (const auto& batch : expected) seen.insert(batch.begin(), batch.end());
  CHECK(seen.size() == 50);
  CHECK(std::set(seen.begin(), seen.end()).size() == 50);
  for (const std::size_t depth : {1U, 2U, 3U, 7U, 20U}) {
    BatchOptions other = options;
    other.prefetch = depth;
    for (const std::size_t workers : {1U, 2U, 3U, 9U}) {
      other.workers = workers;
      CHECK(epoch_of(setup, other, 5) == expected);
    }
  }
  CHECK(epoch_of(setup, options, 6) != expected);
  BatchOptions other_seed = options;
  other_seed.seed = 4;
  CHECK(epoch_of(setup, other_seed, 5) != expected);
}

TEST_CASE("an epoch can be entered at any batch") {
  const Setup setup(50);
  const BatchOptions options{.batch = 8, .shuffle = true, .seed = 3};
  const auto whole = epoch_of(setup, options, 2);
  for (std::size_t first = 0; first <= whole.size() + 1; ++first) {
    const auto rest = epoch_of(setup, options, 2, first);
    REQUIRE(rest.size() == whole.size() - std::min(first, whole.size()));
    CHECK(std::equal(rest.begin(), rest.end(),
                     whole.end() - static_cast<std::ptrdiff_t>(rest.size())));
  }
}

TEST_CASE("augmented pixels are the same with any prefetch and workers, and on resuming") {
  const auto source =
      make_data_source(typed("synthetic", {{"shape", "[3, 8, 8]"}, {"samples", "40"}}));
  const auto data = source->open(Split::train, {});
  std::vector<std::uint32_t> samples(40);
  std::iota(samples.begin(), samples.end(), 0U);
  const std::vector<TypedNode> list = {typed("random_crop", {{"padding", "2"}}),
                                       typed("random_flip")};
  const Pipeline pipeline(source->spec(), list);
  const auto pixels = [&](std::size_t prefetch, std::size_t first, std::size_t workers = 1) {
    Batches batches(
        {data.get(), samples}, pipeline,
        {.batch = 8, .shuffle = true, .seed = 1, .prefetch = prefetch, .workers = workers});
    batches.start(1, first);
    std::vector<std::vector<float>> all;
    while (const Batch* batch = batches.next()) {
      const auto floats = batch->inputs[0].floats();
      all.emplace_back(floats.begin(), floats.end());
      CHECK(batch->index == first + all.size() - 1);
    }
    return all;
  };
  const auto whole = pixels(0, 0);
  CHECK(pixels(3, 0) == whole);
  CHECK(pixels(2, 3) == std::vector(whole.begin() + 3, whole.end()));
  for (const std::size_t workers : {2U, 3U}) CHECK(pixels(2, 0, workers) == whole);
}

TEST_CASE("with views every sample has so many variants, in turn, and each epoch its own order") {
  const auto source =
      make_data_source(typed("synthetic", {{"shape", "[3, 16, 16]"}, {"samples", "40"}}));
  const auto data = source->open(Split::train, {});
  std::vector<std::uint32_t> samples(40);
  std::iota(samples.begin(), samples.end(), 0U);
  const std::vector<TypedNode> list = {typed("random_crop", {{"padding", "8"}})};
  const Pipeline pipeline(source->spec(), list);
  Batches batches({data.get(), samples}, pipeline,
                  {.batch = 8, .shuffle = true, .augment_views = 3, .seed = 1});
  using Variants = std::map<std::size_t, std::vector<float>>;
  std::vector<Variants> epochs;
  std::vector<std::vector<std::size_t>> orders;
  for (std::uint64_t epoch = 0; epoch < 7; ++epoch) {
    epochs.emplace_back();
    orders.emplace_back();
    batches.start(epoch);
    while (const Batch* batch = batches.next()) {
      const auto all = batch->inputs[0].floats();
      for (std::size_t i = 0; i < batch->samples; ++i) {
        orders.back().push_back(batches.sample_of(orders.back().size()));
        const auto one = all.subspan(i * 768, 768);
        epochs.back()[orders.back().back()] = {one.begin(), one.end()};
      }
    }
  }
  for (std::size_t epoch = 0; epoch + 3 < epochs.size(); ++epoch) {
    CHECK(epochs[epoch] == epochs[epoch + 3]);
    CHECK(epochs[epoch] != epochs[epoch + 1]);
    CHECK(orders[epoch] != orders[epoch + 3]);
  }
}

TEST_CASE("buffers are aligned and stay where they are") {
  const Setup setup(64);
  Batches batches(setup.set(), setup.pipeline, {.batch = 5, .shuffle = true, .prefetch = 2});
  std::set<const std::byte*> places;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    batches.start(epoch);
    while (const Batch* batch = batches.next()) {
      for (const BatchField* field : {&batch->inputs[0], &batch->targets[0]}) {
        CHECK(reinterpret_cast<std::uintptr_t>(field->bytes) % 64 == 0);
        places.insert(field->bytes);
      }
    }
  }
  CHECK(places.size() == 6);
  CHECK(batches.buffer_bytes() == 3 * (128 + 64) + 64 + 64);
}

TEST_CASE("what the reader throws arrives after the batches before it, and a new epoch can begin") {
  for (const auto& [prefetch, workers] : {std::pair(0U, 1U), {3U, 1U}, {3U, 2U}, {2U, 3U}}) {
    Setup setup(20);
    setup.data.bad = 9;
    Batches batches(setup.set(), setup.pipeline,
                    {.batch = 4, .prefetch = prefetch, .workers = workers});
    for (int round = 0; round < 2; ++round) {
      batches.start(0);
      CHECK(batches.next()->targets[0].ints()[0] == 0);
      CHECK(batches.next()->targets[0].ints()[0] == 4);
      CHECK_THROWS_WITH_AS(batches.next(), "error: sample is damaged", UserError);
    }
  }
}

TEST_CASE("of several damaged samples the first is told, whoever comes upon another before") {
  for (const std::size_t workers : {1U, 2U, 4U}) {
    Setup setup(40);
    setup.data.bad_from = 13;
    Batches batches(setup.set(), setup.pipeline, {.batch = 8, .prefetch = 4, .workers = workers});
    batches.start(0);
    CHECK(batches.next()->targets[0].ints()[0] == 0);
    for (int again = 0; again < 2; ++again)
      CHECK_THROWS_WITH_AS(batches.next(), "error: sample 13 is damaged", UserError);
  }
}

TEST_CASE("waiting ends soon after a stop, and so do the workers") {
  constexpr int size = 100000;
  Setup setup(size);
  setup.data.delay = std::chrono::microseconds(100);
  for (const std::size_t workers : {1U, 3U}) {
    Numbered::Stop stop;
    stop.after = 50;
    setup.data.stop = &stop;
    {
      Batches batches(setup.set(), setup.pipeline, {.batch = size, .workers = workers}, &stop.flag);
      batches.start(0);
      CHECK(batches.next() == nullptr);
      CHECK(batches.wait_seconds() > 0);
    }
    CHECK(stop.reads < size / 10);  // a whole batch would be ten seconds' work
  }
}

TEST_CASE("epochs can be started and dropped at any moment") {
  Setup setup(60);
  setup.data.delay = std::chrono::microseconds(20);
  BatchOptions options{.batch = 4, .shuffle = true, .seed = 9, .prefetch = 3};
  BatchOptions plain = options;
  plain.prefetch = 0;
  std::vector<std::vector<std::vector<int>>> expected;
  setup.data.delay = std::chrono::microseconds(0);
  for (std::uint64_t epoch = 0; epoch < 7; ++epoch)
    expected.push_back(epoch_of(setup, plain, epoch));
  setup.data.delay = std::chrono::microseconds(20);
  Random random(1, RandomStream::test);
  for (int round = 0; round < 40; ++round) {
    options.workers = 1 + static_cast<std::size_t>(round) % 4;
    Batches batches(setup.set(), setup.pipeline, options);
    for (int k = 0; k < 10; ++k) {
      const std::uint64_t epoch = random.below(expected.size());
      const std::size_t first = random.below(15), steps = random.below(6);
      batches.start(epoch, first);
      for (std::size_t i = first; i < std::min<std::size_t>(first + steps, 15); ++i) {
        const Batch* batch = batches.next();
        REQUIRE(batch);
        const auto labels = batch->targets[0].ints();
        CHECK(std::vector<int>(labels.begin(), labels.end()) == expected[epoch][i]);
      }
    }
  }
}

TEST_CASE("in a stream each place of a batch goes on where it ended in the batch before") {
  const Setup setup(11);
  const std::vector<std::vector<int>> expected = {{0, 3, 6}, {1, 4, 7}, {2, 5, 8}};
  const BatchOptions options{.batch = 3, .streams = true, .prefetch = 0};
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch)
    CHECK(epoch_of(setup, options, epoch) == expected);
  for (std::size_t first = 0; first <= 4; ++first) {  // resumed in the middle
    const auto rest = epoch_of(setup, options, 1, first);
    REQUIRE(rest.size() == 3 - std::min<std::size_t>(first, 3));
    CHECK(std::equal(rest.begin(), rest.end(),
                     expected.end() - static_cast<std::ptrdiff_t>(rest.size())));
  }
  for (const auto& [prefetch, workers] : {std::pair(1U, 1U), {2U, 1U}, {3U, 2U}, {7U, 3U}}) {
    BatchOptions other = options;
    other.prefetch = prefetch;
    other.workers = workers;
    CHECK(epoch_of(setup, other, 0) == expected);
    CHECK(epoch_of(setup, other, 0, 2) == std::vector(expected.begin() + 2, expected.end()));
  }
  const Batches batches(setup.set(), setup.pipeline, options);
  CHECK(batches.per_epoch() == 3);
  CHECK(batches.samples_per_epoch() == 9);  // 9 and 10 are left out
}

TEST_CASE("a stream may be some of the samples, has whole batches only, and at least one") {
  Setup setup(12);
  setup.samples = {1, 3, 5, 7, 9};
  CHECK(epoch_of(setup, {.batch = 2, .streams = true}, 0) ==
        std::vector<std::vector<int>>{{1, 5}, {3, 7}});
  CHECK(epoch_of(setup, {.batch = 5, .streams = true}, 0) ==
        std::vector<std::vector<int>>{{1, 3, 5, 7, 9}});
  CHECK(epoch_of(setup, {.batch = 1, .streams = true}, 0) ==
        std::vector<std::vector<int>>{{1}, {3}, {5}, {7}, {9}});
  CHECK_THROWS_WITH_AS(Batches(setup.set(), setup.pipeline, {.batch = 6, .streams = true}),
                       "error: there are 5 samples, fewer than one batch of 6", UserError);
}

TEST_CASE("fewer samples than one batch are refused where the last batch is dropped") {
  const Setup setup(3);
  CHECK_THROWS_WITH_AS(Batches(setup.set(), setup.pipeline, {.batch = 4, .drop_last = true}),
                       "error: there are 3 samples, fewer than one batch of 4", UserError);
  CHECK(epoch_of(setup, {.batch = 4}, 0).size() == 1);
}

TEST_CASE("held-out samples and the rest are disjoint, complete and a function of the seed") {
  const HoldOut held = hold_out(1000, 150, 7);
  CHECK(held.valid.size() == 150);
  CHECK(std::is_sorted(held.valid.begin(), held.valid.end()));
  std::vector<std::uint32_t> all;
  std::merge(held.train.begin(), held.train.end(), held.valid.begin(), held.valid.end(),
             std::back_inserter(all));
  REQUIRE(all.size() == 1000);
  for (std::uint32_t i = 0; i < 1000; ++i) CHECK(all[i] == i);
  CHECK(hold_out(1000, 150, 7).valid == held.valid);
  CHECK(hold_out(1000, 150, 8).valid != held.valid);
}

TEST_CASE("a run's data are its splits, with valid held out of train by number or share") {
  const auto source = make_data_source(
      typed("synthetic", {{"shape", "[4]"}, {"samples", "50"}, {"test_samples", "9"}}));
  RunData plain(*source, {}, 0, 1);
  CHECK_FALSE(plain.has(Split::valid));
  CHECK(plain.open(Split::train).samples.size() == 50);
  CHECK(plain.open(Split::test).samples.size() == 9);
  RunData number(*source, {}, 8, 1);
  CHECK(number.open(Split::valid).samples.size() == 8);
  CHECK(number.open(Split::train).samples.size() == 42);
  CHECK(number.open(Split::train).dataset == number.open(Split::valid).dataset);
  RunData share(*source, {}, 0.1, 1);
  CHECK(share.open(Split::valid).samples.size() == 5);
  for (const double amount : {50.0, 51.0, 0.001, 0.999}) {
    CHECK_THROWS_AS(RunData(*source, {}, amount, 1).open(Split::train), UserError);
  }
}

}  // namespace dl
