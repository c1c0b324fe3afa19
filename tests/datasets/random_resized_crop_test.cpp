#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "datasets/transforms/random_resized_crop.h"
#include "tests/datasets/augment_cases.h"
#include "tests/support/golden.h"

namespace dl::test {
namespace {

PictureBox box_of(const nlohmann::json& box) { return {box[0], box[1], box[2], box[3]}; }

}  // namespace

TEST_CASE("random_resized_crop gives Pillow's crop and resize of a box") {
  PictureBuffers buffers;
  const auto golden = read_golden("augment");
  for (const auto& row : golden["crops"]) {
    CAPTURE(row.dump().substr(0, 60));
    const std::int64_t height = row["from"][0], width = row["from"][1], channels = row["from"][2];
    const auto each = static_cast<std::size_t>(channels);
    const Picture picture =
        noise(static_cast<std::size_t>(height + width + channels), height, width, channels);
    const Bytes planes = to_planes(picture.pixels, each), expected = from_hex(row["bytes"]);
    const PictureView together{picture.pixels.data(), channels, height, width, false};
    PictureView result =
        resized_crop(together, box_of(row["box"]), row["to"][0], row["to"][1], buffers);
    CHECK(Bytes(result.pixels, result.pixels + expected.size()) == expected);
    result = resized_crop({planes.data(), channels, height, width, true}, box_of(row["box"]),
                          row["to"][0], row["to"][1], buffers);
    CHECK(Bytes(result.pixels, result.pixels + expected.size()) == to_planes(expected, each));
  }
}

TEST_CASE("sides of a box and the middle of a picture are torchvision's") {
  const auto golden = read_golden("augment");
  for (const auto& row : golden["sides"]) {
    CAPTURE(row.dump());
    CHECK(sides_of(row["area"], row["ratio"]) ==
          std::array<std::int64_t, 2>{row["sides"][0], row["sides"][1]});
  }
  for (const auto& row : golden["middles"]) {
    CAPTURE(row.dump());
    CHECK(middle_box(row["from"][0], row["from"][1], {row["ratio"][0], row["ratio"][1]}) ==
          box_of(row["box"]));
  }
}

TEST_CASE("boxes of random_resized_crop have the shares, ratios and places that are asked for") {
  const BoxRule rule{{0.08, 1.0}, {0.75, 4.0 / 3.0}};
  double share = 0, log_ratio = 0, row = 0;
  int boxes = 0, wide = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    Random random(2, RandomStream::augment, 0, i);
    const PictureBox box = draw_crop(200, 200, rule, random);
    REQUIRE((box.top >= 0 && box.left >= 0 && box.top + box.height <= 200 &&
             box.left + box.width <= 200));
    const double area = static_cast<double>(box.height * box.width) / 40000;
    const double ratio = static_cast<double>(box.width) / static_cast<double>(box.height);
    CHECK((area > 0.078 && area <= 1 && ratio > 0.73 && ratio < 1.36));
    if (area > 0.5) continue;  // larger ones are refused now and then, so that shares are not even
    ++boxes;
    share += area;
    log_ratio += std::log(ratio);
    wide += ratio > 1;
    if (box.height < 200)
      row += static_cast<double>(box.top) / static_cast<double>(200 - box.height);
  }
  CHECK(boxes > 8500);
  CHECK(std::abs(share / boxes - 0.29) < 0.005);
  CHECK(std::abs(log_ratio / boxes) < 0.01);
  CHECK(std::abs(static_cast<double>(wide) / boxes - 0.5) < 0.02);
  CHECK(std::abs(row / boxes - 0.5) < 0.02);
}

TEST_CASE("random_resized_crop takes pictures of any size, then crops, flips and normalize") {
  const Transforms list = {typed("random_resized_crop", {{"size", "[6, 8]"}}),
                           typed("random_flip", {{"p", "1"}}),
                           typed("normalize", {{"mean", "0.5"}, {"std", "0.25"}})};
  const Pipeline pipeline(encoded(3), list);
  CHECK(pipeline.spec().inputs[0].shape == std::vector<std::int64_t>{3, 6, 8});
  PictureBuffers buffers, kept;
  for (std::uint64_t sample = 0; sample < 30; ++sample) {
    const auto side = static_cast<std::int64_t>(1 + sample * 3);
    const Picture picture = noise(sample, side, 40, 3);
    Random random(1, RandomStream::augment, 7, sample);
    const PictureBox box = draw_crop(side, 40, {{0.08, 1.0}, {3.0 / 4.0, 4.0 / 3.0}}, random);
    const PictureView piece =
        resized_crop({picture.pixels.data(), 3, side, 40, false}, box, 6, 8, buffers);
    std::vector<float> expected = as_floats(Bytes(piece.pixels, piece.pixels + 144), 3);
    for (std::size_t y = 0; y < 18; ++y)
      std::reverse(expected.begin() + y * 8, expected.begin() + (y + 1) * 8);
    for (float& value : expected) value = (value - 0.5F) / 0.25F;
    CHECK(apply(pipeline, picture, kept, sample, 7) == expected);
  }
}

TEST_CASE("random_resized_crop can follow resize and a crop") {
  const Pipeline pipeline(
      encoded(3),
      Transforms{
          typed("resize", {{"size", "20"}}), typed("random_crop", {{"size", "16"}}),
          typed("random_resized_crop", {{"size", "8"}, {"scale", "[1, 1]"}, {"ratio", "[1, 1]"}})});
  const Pipeline cropped(encoded(3), Transforms{typed("resize", {{"size", "20"}}),
                                                typed("random_crop", {{"size", "16"}})});
  const Picture picture = noise(3, 31, 44, 3);
  PictureBuffers buffers;
  const std::vector<float> whole = apply(cropped, picture, buffers, 5);
  Bytes planes;
  for (const float value : whole)
    planes.push_back(static_cast<std::uint8_t>(std::lround(value * 255)));
  const PictureView small =
      resized_crop({planes.data(), 3, 16, 16, true}, {0, 0, 16, 16}, 8, 8, buffers);
  std::vector<float> expected;
  for (std::size_t i = 0; i < 192; ++i)
    expected.push_back(static_cast<float>(small.pixels[i]) / 255.0F);
  CHECK(apply(pipeline, picture, 5) == expected);
}

}  // namespace dl::test
