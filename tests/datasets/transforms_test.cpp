#include <doctest/doctest.h>

#include <cstring>

#include "core/error.h"
#include "datasets/memory_dataset.h"
#include "datasets/transforms/transform.h"
#include "tests/support/data_files.h"

namespace dl {
namespace {

using test::typed;
using Transforms = std::vector<TypedNode>;

constexpr std::int64_t kChannels = 3, kHeight = 5, kWidth = 4;

DataSpec spec() { return labelled_pictures({kChannels, kHeight, kWidth}, 10); }

struct Result {
  std::vector<float> image;
  std::vector<std::byte> target;
};

std::uint8_t pixel(std::int64_t c, std::int64_t y, std::int64_t x) {
  return static_cast<std::uint8_t>(1 + (c * kHeight + y) * kWidth + x);
}

Result apply(const Pipeline& pipeline, std::uint64_t epoch = 0, std::uint64_t sample = 0) {
  std::vector<std::byte> image;
  for (std::int64_t c = 0; c < kChannels; ++c) {
    for (std::int64_t y = 0; y < kHeight; ++y) {
      for (std::int64_t x = 0; x < kWidth; ++x) image.push_back(std::byte{pixel(c, y, x)});
    }
  }
  std::int32_t label = 7;
  const std::span<std::byte> raw[] = {image, std::as_writable_bytes(std::span(&label, 1))};
  Result result{std::vector<float>(pipeline.spec().inputs[0].elements()),
                std::vector<std::byte>(pipeline.spec().targets[0].bytes())};
  const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(result.image)),
                                      result.target};
  PictureBuffers buffers;
  pipeline.apply(raw, out, 1, epoch, sample, buffers);
  return result;
}

/// The plain way: a picture as a function of its place, changed step by step.
using Picture = std::function<float(std::int64_t c, std::int64_t y, std::int64_t x)>;

Picture source_picture(float padding) {
  return [=](std::int64_t c, std::int64_t y, std::int64_t x) {
    const bool inside = y >= 0 && y < kHeight && x >= 0 && x < kWidth;
    return inside ? static_cast<float>(pixel(c, y, x)) : padding;
  };
}

std::vector<float> pixels_of(const Picture& picture, std::int64_t height, std::int64_t width) {
  std::vector<float> all;
  for (std::int64_t c = 0; c < kChannels; ++c) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) all.push_back(picture(c, y, x) / 255.0F);
    }
  }
  return all;
}

/// The message of the UserError that `transforms` lead to.
std::string message_of(const DataSpec& source, const Transforms& transforms) {
  try {
    const Pipeline pipeline(source, transforms);
  } catch (const UserError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("without transforms, bytes are divided by 255 and labels stay") {
  const Pipeline pipeline(spec(), Transforms{});
  const Result result = apply(pipeline);
  CHECK(result.image == pixels_of(source_picture(0), kHeight, kWidth));
  std::int32_t label = 0;
  std::memcpy(&label, result.target.data(), sizeof(label));
  CHECK(label == 7);
  CHECK(pipeline.spec().inputs[0].type == DataType::f32);
}

TEST_CASE("normalize takes numbers for all channels or for each, with PyTorch's very bits") {
  const float mean[] = {0.4914F, 0.4822F, 0.4465F}, std[] = {0.247F, 0.243F, 0.261F};
  const Pipeline each(spec(), Transforms{typed("normalize", {{"mean", "[0.4914, 0.4822, 0.4465]"},
                                                             {"std", "[0.247, 0.243, 0.261]"}})});
  const Pipeline one(spec(),
                     Transforms{typed("normalize", {{"mean", "0.4914"}, {"std", "0.247"}})});
  const std::vector<float> plain = pixels_of(source_picture(0), kHeight, kWidth);
  const std::vector<float> by_each = apply(each).image, by_one = apply(one).image;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::size_t c = i / (kHeight * kWidth);
    CHECK(by_each[i] == (plain[i] - mean[c]) / std[c]);
    CHECK(by_one[i] == (plain[i] - mean[0]) / std[0]);
  }
}

TEST_CASE("random_flip mirrors all or nothing at p 1 and 0, and half of the samples at 0.5") {
  const auto mirrored =
      pixels_of([](auto c, auto y, auto x) { return source_picture(0)(c, y, kWidth - 1 - x); },
                kHeight, kWidth);
  CHECK(apply(Pipeline(spec(), Transforms{typed("random_flip", {{"p", "1"}})})).image == mirrored);
  CHECK(apply(Pipeline(spec(), Transforms{typed("random_flip", {{"p", "0"}})})).image ==
        pixels_of(source_picture(0), kHeight, kWidth));
  const Pipeline half(spec(), Transforms{typed("random_flip")});
  int count = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) count += apply(half, 0, i).image == mirrored ? 1 : 0;
  CHECK((count > 440 && count < 560));
}

TEST_CASE("random_crop cuts every window of the padded picture, and only those") {
  const Pipeline pipeline(
      spec(),
      Transforms{typed("random_crop", {{"size", "[3, 4]"}, {"padding", "[1, 2]"}, {"fill", "9"}})});
  CHECK(pipeline.spec().inputs[0].shape == std::vector<std::int64_t>{kChannels, 3, 4});
  std::vector<std::vector<float>> windows;
  for (std::int64_t top = -1; top <= kHeight + 1 - 3; ++top) {
    for (std::int64_t left = -2; left <= kWidth + 2 - 4; ++left) {
      windows.push_back(pixels_of(
          [=](auto c, auto y, auto x) { return source_picture(9)(c, top + y, left + x); }, 3, 4));
    }
  }
  std::vector<int> counts(windows.size());
  for (std::uint64_t i = 0; i < 2500; ++i) {
    const auto at = std::find(windows.begin(), windows.end(), apply(pipeline, 0, i).image);
    REQUIRE(at != windows.end());
    ++counts[at - windows.begin()];
  }
  for (const int count : counts) CHECK((count > 50 && count < 160));  // 100 expected
}

TEST_CASE("crop, flip and normalize in one pass are the three one after another, in either order") {
  for (const bool crop_first : {true, false}) {
    Transforms list = {typed("random_crop", {{"padding", "2"}}),
                       typed("random_flip", {{"p", "1"}})};
    if (!crop_first) std::swap(list[0], list[1]);
    list.push_back(typed("normalize", {{"mean", "0.5"}, {"std", "0.25"}}));
    const Pipeline pipeline(spec(), list);
    std::vector<std::vector<float>> windows;
    for (std::int64_t top = -2; top <= 2; ++top) {
      for (std::int64_t left = -2; left <= 2; ++left) {
        const auto cropped = [=](auto c, auto y, auto x) {
          return source_picture(0)(c, top + y, left + x);
        };
        windows.push_back(
            pixels_of([=](auto c, auto y, auto x) { return cropped(c, y, kWidth - 1 - x); },
                      kHeight, kWidth));
        for (float& value : windows.back()) value = (value - 0.5F) / 0.25F;
      }
    }
    for (std::uint64_t i = 0; i < 200; ++i) {
      CHECK(std::count(windows.begin(), windows.end(), apply(pipeline, 1, i).image) == 1);
    }
  }
}

TEST_CASE("augmentation is a function of seed, epoch and sample") {
  const Pipeline pipeline(
      spec(), Transforms{typed("random_crop", {{"padding", "4"}}), typed("random_flip")});
  const auto first = apply(pipeline, 3, 8).image;
  int same_other_epoch = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    same_other_epoch += apply(pipeline, 4, i).image == apply(pipeline, 3, i).image ? 1 : 0;
  }
  CHECK(apply(pipeline, 3, 8).image == first);
  CHECK(same_other_epoch < 10);
}

TEST_CASE("a pipeline knows whether it draws numbers") {
  const auto random = [](const Transforms& list) { return Pipeline(spec(), list).random(); };
  CHECK_FALSE(random({}));
  CHECK_FALSE(random({typed("center_crop", {{"size", "3"}}), typed("one_hot")}));
  CHECK(random({typed("random_flip")}));
  CHECK(random({typed("random_crop"), typed("one_hot")}));
}

TEST_CASE("one_hot makes a vector of the label") {
  const Pipeline pipeline(spec(), Transforms{typed("one_hot", {{"classes", "12"}})});
  CHECK(pipeline.spec().targets[0].shape == std::vector<std::int64_t>{12});
  const Result result = apply(pipeline);
  std::vector<float> values(12), expected(12);
  std::memcpy(values.data(), result.target.data(), result.target.size());
  expected[7] = 1;
  CHECK(values == expected);
  CHECK(Pipeline(spec(), Transforms{typed("one_hot")}).spec().targets[0].shape[0] == 10);
}

TEST_CASE("float samples are normalised as they are") {
  const DataSpec floats{.inputs = {{"image", DataType::f32, {4}}},
                        .targets = {{"value", DataType::f32, {1}}}};
  const Pipeline pipeline(floats, Transforms{typed("normalize", {{"mean", "1"}, {"std", "2"}})});
  float in[] = {1, 2, 3, 5}, target[] = {4}, out[4], kept[1];
  const std::span<std::byte> raw[] = {std::as_writable_bytes(std::span(in)),
                                      std::as_writable_bytes(std::span(target))};
  const std::span<std::byte> to[] = {std::as_writable_bytes(std::span(out)),
                                     std::as_writable_bytes(std::span(kept))};
  PictureBuffers buffers;
  pipeline.apply(raw, to, 1, 0, 0, buffers);
  CHECK((out[0] == 0 && out[1] == 0.5F && out[2] == 1 && out[3] == 2));
  CHECK(kept[0] == 4);
}

TEST_CASE("transforms that are unknown, wrong or do not fit are refused") {
  CHECK(message_of(spec(), {typed("random_flipp")}) ==
        "error: unknown transform 'random_flipp'; did you mean 'random_flip'?");
  CHECK(message_of(spec(), {typed("random_flip", {{"p", "2"}})}) ==
        "error: random_flip: p: is 2, must be at least 0 and at most 1");
  CHECK(message_of(spec(), {typed("random_flip"), typed("random_flip")}) ==
        "error: random_flip: stands here twice");
  CHECK(message_of(spec(), {typed("normalize", {{"mean", "[0, 0]"}, {"std", "1"}})}) ==
        "error: normalize: mean has 2 values for 3 channels");
  CHECK(message_of(spec(), {typed("normalize", {{"mean", "0"}, {"std", "0"}})}) ==
        "error: normalize: std: is 0, must be above 0");
  CHECK(message_of(spec(), {typed("random_crop", {{"size", "9"}, {"padding", "1"}})}) ==
        "error: random_crop: size 9x9 is larger than the source, 5x4 with its padding");
  CHECK(message_of(spec(), {typed("random_crop", {{"size", "[1, 2, 3]"}})}) ==
        "error: random_crop: size has 3 sizes, expected one or [height, width]");
  CHECK(message_of(spec(), {typed("random_crop", {{"fill", "0.5"}})}) ==
        "error: random_crop: fill is 0.5, must be a byte, 0 to 255");
  CHECK(message_of(spec(),
                   {typed("normalize", {{"mean", "0"}, {"std", "1"}}), typed("random_crop")}) ==
        "error: random_crop: must stand before normalize\n  hint: padding is in the units of the "
        "source");
  CHECK(message_of(spec(), {typed("one_hot", {{"classes", "3"}})}) ==
        "error: one_hot: classes is 3, but the data has 10");
  const DataSpec vectors{.inputs = {{"image", DataType::f32, {4}}},
                         .targets = {{"value", DataType::f32, {1}}}};
  CHECK(message_of(vectors, {typed("random_flip")}) ==
        "error: random_flip: the samples are no pictures (channels, height, width)");
  CHECK(message_of(vectors, {typed("one_hot")}) == "error: one_hot: the data has no labels");
}

}  // namespace dl
