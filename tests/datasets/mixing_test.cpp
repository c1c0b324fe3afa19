#include "datasets/transforms/mixing.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "datasets/batches.h"
#include "tests/datasets/augment_cases.h"
#include "tests/support/golden.h"

namespace dl::test {
namespace {

constexpr std::int64_t kSide = 6;
constexpr std::size_t kPixels = 3 * kSide * kSide;

/// Pictures of one value, 10 times their number, whose label is their number modulo 4.
class Plain final : public Dataset {
 public:
  explicit Plain(std::size_t size) : size_(size), spec_(labelled_pictures({3, kSide, kSide}, 4)) {}
  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return size_; }
  void read(std::size_t index, SampleBuffers out) const override {
    std::memset(out[0].data(), static_cast<int>(index * 10), out[0].size());
    const auto label = static_cast<std::int32_t>(index % 4);
    std::memcpy(out[1].data(), &label, sizeof(label));
  }
  std::string fingerprint() const override { return "plain"; }

 private:
  std::size_t size_;
  DataSpec spec_;
};

struct Epoch {
  std::vector<std::vector<float>> pixels, shares;  // by batch
  std::vector<std::size_t> order;
};

Epoch epoch_of(const Transforms& list, BatchOptions options, std::size_t samples,
               std::uint64_t epoch = 0, std::size_t first = 0) {
  const Plain data(samples);
  std::vector<std::uint32_t> all(samples);
  std::iota(all.begin(), all.end(), 0U);
  const Pipeline pipeline(data.spec(), list);
  options.seed = 5;
  Batches batches({&data, all}, pipeline, options);
  batches.start(epoch, first);
  Epoch result;
  for (std::size_t i = 0; i < samples; ++i) result.order.push_back(batches.sample_of(i));
  while (const Batch* batch = batches.next()) {
    const auto pixels = batch->inputs[0].floats(), shares = batch->targets[0].floats();
    result.pixels.emplace_back(pixels.begin(), pixels.end());
    result.shares.emplace_back(shares.begin(), shares.end());
  }
  return result;
}

float value_of(std::size_t sample) { return static_cast<float>(sample * 10) / 255.0F; }

/// The share of its own that sample `i` of `samples` has kept, which its labels and its pixels must
/// agree upon.
double check_sample(const Epoch& epoch, std::size_t batch, std::size_t i, std::size_t number,
                    std::size_t other, bool boxes) {
  const float* shares = epoch.shares[batch].data() + i * 4;
  const float* pixels = epoch.pixels[batch].data() + i * kPixels;
  double mean = 0, own = 0;
  for (std::size_t k = 0; k < kPixels; ++k) {
    mean += pixels[k];
    own += pixels[k] == value_of(number);
    if (boxes) CHECK((pixels[k] == value_of(number) || pixels[k] == value_of(other)));
  }
  CHECK(std::abs(shares[0] + shares[1] + shares[2] + shares[3] - 1) < 1e-6);
  if (number % 4 == other % 4) return 1;
  const double share = shares[number % 4];
  CHECK(std::abs(shares[other % 4] - (1 - share)) < 1e-6);
  const double expected = share * value_of(number) + (1 - share) * value_of(other);
  CHECK(std::abs(mean / kPixels - expected) < 1e-5);
  if (boxes) CHECK(std::abs(own / kPixels - share) < 1e-5);
  return share;
}

}  // namespace

TEST_CASE("samples are blended as timm does it") {
  const auto golden = read_golden("augment");
  for (const auto& row : golden["mixups"]) {
    CAPTURE(row.dump());
    const std::size_t samples = row["samples"];
    std::vector<float> values;
    for (std::size_t i = 0; i < samples * 5; ++i)
      values.push_back(static_cast<float>(test_pixel(samples, i)) / 50.0F);
    blend_samples(values, samples, row["share"]);
    const auto expected = row["values"].get<std::vector<float>>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      // The middle one of an odd number is mixed with itself there, and rounded.
      const bool middle = samples % 2 == 1 && i / 5 == samples / 2;
      if (middle)
        CHECK(std::abs(values[i] - expected[i]) <= 1e-6F * std::abs(expected[i]));
      else
        CHECK(values[i] == expected[i]);
    }
  }
}

TEST_CASE("cutmix's boxes are timm's, and their share what is really left") {
  const auto golden = read_golden("augment");
  for (const auto& row : golden["boxes"]) {
    CAPTURE(row.dump());
    const BatchMix mix =
        box_mix(row["share"], row["size"][0], row["size"][1], {row["middle"][0], row["middle"][1]});
    REQUIRE(mix.box);
    CHECK(*mix.box == PictureBox{row["box"][0], row["box"][1], row["box"][2], row["box"][3]});
    CHECK(mix.share == row["left"].get<double>());
  }
}

TEST_CASE("shares have the Beta distribution's mean and variance, for small alphas too") {
  for (const double alpha : {0.01, 0.2, 0.4, 1.0, 3.0}) {
    CAPTURE(alpha);
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
      Random random(3, RandomStream::mix, 0, i);
      const double share = draw_beta(alpha, random);
      REQUIRE((share >= 0 && share <= 1));
      sum += share;
      squares += (share - 0.5) * (share - 0.5);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    CHECK(std::abs(sum / kDraws - 0.5) < 5 * std::sqrt(variance / kDraws));
    CHECK(std::abs(squares / kDraws - variance) < 0.03 * variance);
  }
  int below = 0;  // uniform: every tenth has its share
  for (std::uint64_t i = 0; i < 20000; ++i) {
    Random random(4, RandomStream::mix, 0, i);
    below += draw_beta(1.0, random) < 0.1;
  }
  CHECK(std::abs(below / 20000.0 - 0.1) < 0.01);
}

TEST_CASE("of mixup and cutmix one is taken for each batch, with its own probability") {
  const MixRules both{MixRule{.alpha = 1, .p = 1}, MixRule{.alpha = 1, .p = 0.5}};
  int boxes = 0, blends = 0, none = 0;
  for (std::uint64_t i = 0; i < 8000; ++i) {
    const BatchMix mix = draw_mix(both, 8, 8, Random(1, RandomStream::mix, 0, i));
    (mix.box ? boxes : mix.share == 1 ? none : blends) += 1;
  }
  CHECK(std::abs(blends / 8000.0 - 0.5) < 0.02);
  CHECK(std::abs(boxes / 8000.0 - 0.25) < 0.02);
  CHECK(std::abs(none / 8000.0 - 0.25) < 0.02);
}

TEST_CASE("labels and pixels of a batch are mixed in the same shares, a partial batch too") {
  for (const char* name : {"mixup", "cutmix"}) {
    const bool boxes = std::string(name) == "cutmix";
    int mixed = 0;
    for (std::uint64_t number = 0; number < 20; ++number) {
      const Epoch epoch = epoch_of({typed(name)}, {.batch = 8, .shuffle = true}, 21, number);
      REQUIRE(epoch.pixels.size() == 3);
      for (std::size_t b = 0; b < 3; ++b) {
        const std::size_t samples = b == 2 ? 5 : 8;
        REQUIRE(epoch.shares[b].size() == samples * 4);
        for (std::size_t i = 0; i < samples; ++i) {
          const std::size_t own = epoch.order[b * 8 + i];
          const std::size_t other = epoch.order[b * 8 + samples - 1 - i];
          mixed += check_sample(epoch, b, i, own, other, boxes) < 0.999;
        }
      }
    }
    CHECK(mixed > 200);
  }
}

TEST_CASE("a batch of one stays as it is") {
  for (const char* name : {"mixup", "cutmix"}) {
    const Epoch epoch = epoch_of({typed(name)}, {.batch = 1}, 4);
    for (std::size_t b = 0; b < 4; ++b) {
      CHECK(epoch.pixels[b] == std::vector<float>(kPixels, value_of(b)));
      CHECK(epoch.shares[b][b] == 1);
    }
  }
}

TEST_CASE("mixed batches depend on seed, epoch and batch, and not on prefetch or workers") {
  const Transforms list = {typed("random_flip"), typed("mixup", {{"alpha", "0.4"}}),
                           typed("cutmix")};
  const BatchOptions options{.batch = 4, .shuffle = true, .prefetch = 0};
  const Epoch expected = epoch_of(list, options, 23, 3);
  for (const std::size_t depth : {1U, 2U, 5U}) {
    for (const std::size_t workers : {1U, 2U, 4U}) {
      BatchOptions other = options;
      other.prefetch = depth;
      other.workers = workers;
      for (int round = 0; round < 5; ++round) {
        const Epoch again = epoch_of(list, other, 23, 3);
        CHECK(again.pixels == expected.pixels);
        CHECK(again.shares == expected.shares);
      }
      const Epoch rest = epoch_of(list, other, 23, 3, 2);
      CHECK(rest.pixels == std::vector(expected.pixels.begin() + 2, expected.pixels.end()));
    }
  }
  const BatchOptions in_order{.batch = 4};  // so that nothing but the mixing can differ
  const Transforms mixup = {typed("mixup")};
  CHECK(epoch_of(mixup, in_order, 8, 3).shares != epoch_of(mixup, in_order, 8, 4).shares);
  const Epoch first = epoch_of(mixup, in_order, 8, 3);
  CHECK(first.shares[0] != first.shares[1]);
}

TEST_CASE("labels become probabilities, unless one_hot has made them so, and are soft for mixing") {
  const DataSpec spec = labelled_pictures({3, kSide, kSide}, 4);
  const Pipeline implied(spec, Transforms{typed("mixup")});
  CHECK(implied.mixes());
  CHECK(implied.soft_labels());
  CHECK_FALSE(implied.random());
  CHECK(implied.spec().targets[0].shape == std::vector<std::int64_t>{4});
  CHECK(implied.spec().targets[0].type == DataType::f32);
  const Pipeline said(
      spec, Transforms{typed("one_hot", {{"classes", "7"}}), typed("cutmix"), typed("mixup")});
  CHECK_FALSE(said.soft_labels());
  CHECK(said.spec().targets[0].shape == std::vector<std::int64_t>{7});
}

TEST_CASE("cutmix finds the pictures that rows and pixels have unrolled") {
  for (const char* order : {"rows", "pixels"}) {
    const Transforms list = {typed(order), typed("cutmix")};
    const Epoch unrolled = epoch_of(list, {.batch = 4}, 4, 1);
    const Epoch planes = epoch_of({typed("cutmix")}, {.batch = 4}, 4, 1);
    CHECK(unrolled.shares == planes.shares);
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t y = 0; y < 6; ++y) {
          for (std::size_t x = 0; x < 6; ++x) {
            const std::size_t at =
                order == std::string("rows") ? (y * 3 + c) * 6 + x : (y * 6 + x) * 3 + c;
            CHECK(unrolled.pixels[0][i * kPixels + at] ==
                  planes.pixels[0][i * kPixels + (c * 6 + y) * 6 + x]);
          }
        }
      }
    }
  }
}

TEST_CASE("mixing is refused where there is nothing to mix, and must be the last") {
  const DataSpec values{.inputs = {{"x", DataType::f32, {4}}},
                        .targets = {{"value", DataType::f32, {1}}}};
  CHECK(message_of(values, {typed("mixup")}) ==
        "error: mixup: the data has no labels\n  hint: labels become class probabilities, which "
        "can be mixed");
  DataSpec vectors = labelled_pictures({4}, 3);
  vectors.inputs[0].type = DataType::f32;
  CHECK(message_of(vectors, {typed("mixup")}) == "nothing was thrown");
  CHECK(message_of(vectors, {typed("cutmix")}) ==
        "error: cutmix: the samples are no pictures (channels, height, width)");
  vectors.inputs[0].type = DataType::s32;
  CHECK(message_of(vectors, {typed("mixup")}) == "error: mixup: the samples are tokens");
  vectors.inputs.push_back({"length", DataType::s32, {}});
  CHECK(message_of(vectors, {typed("mixup")}) == "error: mixup: the samples have several inputs");
  for (const auto& later : {typed("random_flip"), typed("normalize", {{"mean", "0"}, {"std", "1"}}),
                            typed("one_hot"), typed("rows")})
    CHECK(message_of(labelled_pictures({3, 4, 4}, 3), {typed("cutmix"), later})
              .find(later.type + ": ") != std::string::npos);
}

}  // namespace dl::test
