#include <doctest/doctest.h>

#include "core/error.h"
#include "datasets/memory_dataset.h"
#include "datasets/transforms/transform.h"
#include "tests/support/data_files.h"

// Pictures as sequences of rows or of pixels.
namespace dl {
namespace {

using test::typed;
using Transforms = std::vector<TypedNode>;

constexpr std::int64_t kHeight = 5, kWidth = 4;

DataSpec pictures(std::int64_t channels) {
  return labelled_pictures({channels, kHeight, kWidth}, 10);
}

std::vector<float> apply(const Pipeline& pipeline, std::int64_t channels,
                         std::uint64_t sample = 0) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(channels * kHeight * kWidth));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i + 1);
  std::int32_t label = 7, kept = 0;
  std::vector<float> image(pipeline.spec().inputs[0].elements());
  const std::span<std::byte> raw[] = {std::as_writable_bytes(std::span(pixels)),
                                      std::as_writable_bytes(std::span(&label, 1))};
  const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(image)),
                                      std::as_writable_bytes(std::span(&kept, 1))};
  PictureBuffers buffers;
  pipeline.apply(raw, out, 1, 0, sample, buffers);
  CHECK(kept == 7);
  return image;
}

/// The same transforms with and without `last`: what stands at [c][y][x] is then at place(c, y, x).
template <class Place>
void check_moved(std::int64_t channels, const Transforms& before, const std::string& last,
                 std::vector<std::int64_t> shape, const Place& place) {
  Transforms all = before;
  all.push_back(typed(last));
  const Pipeline plain(pictures(channels), before), moved(pictures(channels), all);
  CHECK(moved.spec().inputs[0].shape == shape);
  const std::vector<std::int64_t> size = plain.spec().inputs[0].shape;
  for (const std::uint64_t sample : {0, 1, 2, 3}) {
    const std::vector<float> from = apply(plain, channels, sample),
                             to = apply(moved, channels, sample);
    REQUIRE(from.size() == to.size());
    std::size_t i = 0;
    for (std::int64_t c = 0; c < size[0]; ++c) {
      for (std::int64_t y = 0; y < size[1]; ++y) {
        for (std::int64_t x = 0; x < size[2]; ++x) REQUIRE(to[place(c, y, x)] == from[i++]);
      }
    }
  }
}

std::string message_of(const DataSpec& source, const Transforms& transforms) {
  try {
    const Pipeline pipeline(source, transforms);
  } catch (const UserError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

const Transforms kAll = {typed("random_crop", {{"size", "[3, 2]"}, {"padding", "1"}}),
                         typed("random_flip"),
                         typed("normalize", {{"mean", "[0.1, 0.2, 0.3]"}, {"std", "[1, 2, 3]"}})};

}  // namespace

TEST_CASE("rows are the steps of a sequence, one channel after the other within a step") {
  check_moved(1, {}, "rows", {kHeight, kWidth},
              [](std::int64_t, std::int64_t y, std::int64_t x) { return y * kWidth + x; });
  check_moved(3, {}, "rows", {kHeight, 3 * kWidth},
              [](std::int64_t c, std::int64_t y, std::int64_t x) {
                return y * 3 * kWidth + c * kWidth + x;
              });
  check_moved(3, kAll, "rows", {3, 6},
              [](std::int64_t c, std::int64_t y, std::int64_t x) { return y * 6 + c * 2 + x; });
}

TEST_CASE("pixels are the steps of a sequence, row by row, with a channel each as features") {
  check_moved(1, {}, "pixels", {kHeight * kWidth, 1},
              [](std::int64_t, std::int64_t y, std::int64_t x) { return y * kWidth + x; });
  check_moved(3, kAll, "pixels", {6, 3},
              [](std::int64_t c, std::int64_t y, std::int64_t x) { return (y * 2 + x) * 3 + c; });
}

TEST_CASE("pictures of floats become sequences too, and one number normalises them afterwards") {
  const DataSpec source{.inputs = {{"image", DataType::f32, {2, 1, 2}}},
                        .targets = {{"label", DataType::s32, {}}}};
  const Pipeline pipeline(
      source, Transforms{typed("pixels"), typed("normalize", {{"mean", "1"}, {"std", "2"}})});
  std::vector<float> image = {1, 3, 5, 7}, steps(4);
  std::int32_t label = 0;
  const auto target = std::as_writable_bytes(std::span(&label, 1));
  const std::span<std::byte> raw[] = {std::as_writable_bytes(std::span(image)), target};
  std::int32_t kept = 0;
  const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(steps)),
                                      std::as_writable_bytes(std::span(&kept, 1))};
  PictureBuffers buffers;
  pipeline.apply(raw, out, 1, 0, 0, buffers);
  CHECK(steps == std::vector<float>{0, 2, 1, 3});
}

TEST_CASE("a sequence of what is no picture, or of pictures of any size, is refused") {
  const DataSpec table{.inputs = {{"features", DataType::f32, {7}}},
                       .targets = {{"label", DataType::s32, {}}}};
  CHECK(message_of(table, {typed("rows")}).find("rows: the samples are no pictures") !=
        std::string::npos);
  DataSpec any = labelled_pictures({3, 0, 0}, 10);
  any.inputs[0].encoded = true;
  CHECK(message_of(any, {typed("pixels")}).find("pixels: the pictures are of any size") !=
        std::string::npos);
  CHECK(message_of(pictures(3), {typed("rows"), typed("random_flip")})
            .find("random_flip: the samples are no pictures") != std::string::npos);
  CHECK(message_of(pictures(3), {typed("rows"), typed("pixels")}).find("pixels: ") !=
        std::string::npos);
  CHECK(message_of(pictures(3),
                   {typed("rows"), typed("normalize", {{"mean", "[1, 1, 1]"}, {"std", "1"}})})
            .find("mean has 3 values") != std::string::npos);
}

}  // namespace dl
