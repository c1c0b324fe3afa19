#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "core/error.h"
#include "datasets/memory_dataset.h"
#include "datasets/transforms/transform.h"
#include "tests/support/golden.h"
#include "tests/support/pictures.h"

// Transforms of pictures that are decoded, and that may differ in size.
namespace dl {
namespace {

using test::Bytes;
using test::typed;
using Transforms = std::vector<TypedNode>;

/// Pictures of any size, or of one.
DataSpec encoded(std::int64_t channels, std::int64_t height = 0, std::int64_t width = 0) {
  DataSpec spec = labelled_pictures({channels, height, width}, 10);
  spec.inputs[0].encoded = true;
  return spec;
}

/// The picture that a pipeline makes of a decoded one, in planes.
std::vector<float> apply(const Pipeline& pipeline, const Picture& picture,
                         std::uint64_t sample = 0) {
  PictureBuffers buffers;
  buffers.decoded = picture;
  std::int32_t label = 1, kept = 0;
  std::vector<float> image(pipeline.spec().inputs[0].elements());
  const std::span<std::byte> raw[] = {{}, std::as_writable_bytes(std::span(&label, 1))};
  const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(image)),
                                      std::as_writable_bytes(std::span(&kept, 1))};
  pipeline.apply(raw, out, 1, 0, sample, buffers);
  return image;
}

/// As `noise` of tests/goldens/pictures.py makes them.
Picture noise(std::size_t sample, std::int64_t height, std::int64_t width, std::int64_t channels) {
  Picture picture;
  picture.reshape(height, width, channels);
  for (std::size_t i = 0; i < picture.bytes(); ++i) picture.pixels[i] = test::test_pixel(sample, i);
  return picture;
}

/// Bytes side by side as floats in planes, divided by 255.
std::vector<float> as_floats(const Bytes& pixels, std::int64_t channels) {
  std::vector<float> planes;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::size_t i = static_cast<std::size_t>(c); i < pixels.size();
         i += static_cast<std::size_t>(channels))
      planes.push_back(static_cast<float>(pixels[i]) / 255.0F);
  }
  return planes;
}

std::string message_of(const DataSpec& source, const Transforms& transforms) {
  try {
    const Pipeline pipeline(source, transforms);
  } catch (const UserError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string pair_text(const nlohmann::json& pair) {
  return "[" + std::to_string(pair[0].get<int>()) + ", " + std::to_string(pair[1].get<int>()) + "]";
}

}  // namespace

TEST_CASE("a decoded picture goes from pixels side by side to planes of floats") {
  const Picture picture = noise(3, 4, 5, 3);
  const Pipeline plain(encoded(3, 4, 5), Transforms{});
  CHECK(apply(plain, picture) == as_floats(picture.pixels, 3));
  CHECK_FALSE(plain.spec().inputs[0].encoded);
  const Pipeline mirrored(encoded(3, 4, 5), Transforms{typed("random_flip", {{"p", "1"}})});
  const std::vector<float> straight = apply(plain, picture), turned = apply(mirrored, picture);
  for (std::size_t row = 0; row < straight.size(); row += 5) {
    for (std::size_t x = 0; x < 5; ++x) CHECK(turned[row + x] == straight[row + 4 - x]);
  }
}

TEST_CASE("resize to both sides gives Pillow's pictures") {
  const auto golden = test::read_golden("pictures");
  for (const auto& row : golden["resize"]) {
    const std::int64_t height = row["from"][0], width = row["from"][1], channels = row["from"][2];
    CAPTURE(row.dump().substr(0, 60));
    const Pipeline pipeline(encoded(channels),
                            Transforms{typed("resize", {{"size", pair_text(row["to"])}})});
    CHECK(pipeline.spec().inputs[0].shape ==
          std::vector<std::int64_t>{channels, row["to"][0], row["to"][1]});
    const Picture picture =
        noise(static_cast<std::size_t>(height + width + channels), height, width, channels);
    CHECK(apply(pipeline, picture) == as_floats(test::from_hex(row["bytes"]), channels));
  }
}

TEST_CASE("resize to a shorter side keeps the proportion as torchvision does") {
  const auto golden = test::read_golden("pictures");
  for (const auto& row : golden["resized_sizes"]) {
    const ResizeTo to{.shorter = row["size"]};
    CHECK(to.of(row["from"][0], row["from"][1]) ==
          std::array<std::int64_t, 2>{row["to"][0], row["to"][1]});
  }
  // Of pictures of one size the result is known beforehand.
  const Pipeline known(encoded(3, 20, 31), Transforms{typed("resize", {{"size", "10"}})});
  CHECK(known.spec().inputs[0].shape == std::vector<std::int64_t>{3, 10, 15});
}

TEST_CASE("pictures in memory are resized too") {
  Picture picture = noise(5, 28, 28, 1);
  const Pipeline pipeline(labelled_pictures({1, 28, 28}, 10),
                          Transforms{typed("resize", {{"size", "32"}})});
  std::int32_t label = 1, kept = 0;
  std::vector<float> image(32 * 32);
  const std::span<std::byte> raw[] = {std::as_writable_bytes(std::span(picture.pixels)),
                                      std::as_writable_bytes(std::span(&label, 1))};
  const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(image)),
                                      std::as_writable_bytes(std::span(&kept, 1))};
  PictureBuffers buffers;
  pipeline.apply(raw, out, 1, 0, 0, buffers);
  const Pipeline decoded(encoded(1), Transforms{typed("resize", {{"size", "[32, 32]"}})});
  CHECK(image == apply(decoded, picture));
}

TEST_CASE("center_crop cuts and pads where torchvision does") {
  const auto golden = test::read_golden("pictures");
  CHECK(golden["center_crop"].size() >= 7);
  for (const auto& row : golden["center_crop"]) {
    CAPTURE(row.dump().substr(0, 60));
    const Pipeline pipeline(encoded(3),
                            Transforms{typed("center_crop", {{"size", pair_text(row["to"])}})});
    const Picture picture = noise(4, row["from"][0], row["from"][1], 3);
    CHECK(apply(pipeline, picture) == as_floats(test::from_hex(row["bytes"]), 3));
  }
}

TEST_CASE("resize, center_crop, flip and normalize are one after the other") {
  const Picture picture = noise(6, 13, 21, 3);
  const Pipeline pipeline(
      encoded(3),
      Transforms{typed("resize", {{"size", "9"}}), typed("center_crop", {{"size", "8"}}),
                 typed("random_flip", {{"p", "1"}}),
                 typed("normalize", {{"mean", "0.5"}, {"std", "0.25"}})});
  Resizer resizer;
  const PictureView small = resizer.resize({picture.pixels.data(), 3, 13, 21, false}, 9, 14);
  std::vector<float> expected;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 8; ++y) {
      for (int x = 7; x >= 0; --x) {  // cut at row 0 (of 0.5) and column 3
        const float byte = small.pixels[(y * 14 + 3 + x) * 3 + c];
        expected.push_back((byte / 255.0F - 0.5F) / 0.25F);
      }
    }
  }
  CHECK(apply(pipeline, picture) == expected);
}

TEST_CASE("what a crop has cut away does not come back as another crop's padding") {
  Picture picture;
  picture.reshape(9, 9, 1);
  std::fill(picture.pixels.begin(), picture.pixels.end(), 255);
  for (const bool mirrored : {false, true}) {
    const Pipeline pipeline(encoded(1),
                            Transforms{typed("random_flip", {{"p", mirrored ? "1" : "0"}}),
                                       typed("center_crop", {{"size", "3"}}),
                                       typed("random_crop", {{"size", "7"}, {"padding", "2"}})});
    const std::vector<float> image = apply(pipeline, picture);
    CHECK(std::count(image.begin(), image.end(), 1.0F) == 9);
    CHECK(image[2 * 7 + 2] == 1.0F);
  }
}

TEST_CASE("random_crop works on pictures of any size, and tells when one is too small") {
  const Pipeline pipeline(encoded(3), Transforms{typed("random_crop", {{"size", "[4, 5]"}})});
  const Picture picture = noise(7, 6, 9, 3);
  std::vector<std::vector<float>> pieces;
  for (std::int64_t top = 0; top <= 2; ++top) {
    for (std::int64_t left = 0; left <= 4; ++left) {
      Bytes piece;
      for (std::int64_t y = top; y < top + 4; ++y) {
        const auto row = picture.pixels.begin() + (y * 9 + left) * 3;
        piece.insert(piece.end(), row, row + 15);
      }
      pieces.push_back(as_floats(piece, 3));
    }
  }
  std::vector<int> seen(pieces.size());
  for (std::uint64_t sample = 0; sample < 200; ++sample) {
    const auto at = std::find(pieces.begin(), pieces.end(), apply(pipeline, picture, sample));
    REQUIRE(at != pieces.end());
    ++seen[static_cast<std::size_t>(at - pieces.begin())];
  }
  CHECK(std::count(seen.begin(), seen.end(), 0) == 0);
  CHECK_THROWS_WITH_AS(apply(pipeline, noise(7, 4, 4, 3)),
                       "is 4x4 (after resize, where there is one), too small for random_crop's 4x5",
                       PictureError);
}

TEST_CASE("a list that leaves the size open is refused, and so is what cannot fit") {
  const std::string open =
      "the pictures are of any size, and no transform gives them all the same\n  hint: put "
      "resize: {size: [height, width]}, or resize and center_crop or random_crop with a size; "
      "where all files have one size, say it in the source";
  CHECK(message_of(encoded(3), {}) == "error: " + open);
  CHECK(message_of(encoded(3), {typed("resize", {{"size", "256"}})}) == "error: " + open);
  CHECK(message_of(encoded(3), {typed("random_crop", {{"padding", "4"}})}) == "error: " + open);
  CHECK(message_of(encoded(3, 32, 32), {}) == "nothing was thrown");
  CHECK(message_of(encoded(3), {typed("resize", {{"size", "[8, 9]"}})}) == "nothing was thrown");

  const auto resize = typed("resize", {{"size", "8"}}),
             crop = typed("center_crop", {{"size", "9"}});
  CHECK(message_of(encoded(3), {resize, crop}) ==
        "error: center_crop: size 9x9 is larger than the source, whose shorter side is 8");
  CHECK(message_of(encoded(3, 8, 12), {crop}) ==
        "error: center_crop: size 9x9 is larger than the source, 8x12");
  CHECK(message_of(encoded(3), {resize, typed("random_crop", {{"size", "10"}})}) ==
        "error: random_crop: size 10x10 is larger than the source, whose shorter side is 8 with "
        "its padding");
  CHECK(
      message_of(encoded(3), {resize, typed("random_crop", {{"size", "10"}, {"padding", "1"}})}) ==
      "nothing was thrown");
  CHECK(message_of(encoded(3), {crop, resize}) ==
        "error: resize: must stand before all others that change a picture");
  CHECK(message_of(encoded(3), {typed("random_flip"), resize}) ==
        "error: resize: must stand before all others that change a picture");
  CHECK(message_of(encoded(3), {typed("resize", {{"size", "[1, 2, 3]"}})}) ==
        "error: resize: size has 3 sizes, expected one or [height, width]");
  CHECK(message_of(encoded(3), {typed("resize")}) ==
        "error: resize: missing key 'size' (int or list of int)");
  CHECK(message_of(encoded(3, 1, 60'000), {typed("resize", {{"size", "256"}})}) ==
        "error: resize: gives pictures of 256x15360000");
  const DataSpec floats{.inputs = {{"image", DataType::f32, {3, 8, 8}}},
                        .targets = {{"value", DataType::f32, {1}}}};
  CHECK(message_of(floats, {resize}) == "error: resize: the samples are no pictures of bytes");
}

}  // namespace dl
