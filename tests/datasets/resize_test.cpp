#include "datasets/images/resize.h"

#include <doctest/doctest.h>

#include "tests/support/golden.h"
#include "tests/support/pictures.h"

namespace dl {
namespace {

using test::Bytes;

/// As `noise` of tests/goldens/pictures.py makes them.
Bytes noise(std::size_t sample, std::int64_t count) {
  Bytes pixels;
  for (std::int64_t i = 0; i < count; ++i)
    pixels.push_back(test::test_pixel(sample, static_cast<std::size_t>(i)));
  return pixels;
}

/// Channel by channel, as data sets keep pictures.
Bytes planes_of(const Bytes& pixels, std::int64_t channels) {
  Bytes planes;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::size_t i = static_cast<std::size_t>(c); i < pixels.size();
         i += static_cast<std::size_t>(channels))
      planes.push_back(pixels[i]);
  }
  return planes;
}

Bytes bytes_of(const PictureView& view) {
  return {view.pixels, view.pixels + view.channels * view.height * view.width};
}

}  // namespace

TEST_CASE("pictures are resized to Pillow's bytes, up and down, side by side and in planes") {
  Resizer resizer;  // one for all: what it keeps must not disturb the next
  const auto golden = test::read_golden("pictures");
  CHECK(golden["resize"].size() >= 16);
  for (const auto& row : golden["resize"]) {
    const std::int64_t height = row["from"][0], width = row["from"][1], channels = row["from"][2];
    const std::int64_t to_height = row["to"][0], to_width = row["to"][1];
    CAPTURE(row["from"].dump());
    CAPTURE(row["to"].dump());
    const Bytes pixels =
        noise(static_cast<std::size_t>(height + width + channels), height * width * channels);
    const Bytes expected = test::from_hex(row["bytes"]);
    CHECK(bytes_of(resizer.resize({pixels.data(), channels, height, width, false}, to_height,
                                  to_width)) == expected);
    const Bytes planes = planes_of(pixels, channels);
    const PictureView in_planes =
        resizer.resize({planes.data(), channels, height, width, true}, to_height, to_width);
    CHECK(in_planes.planar);
    CHECK(bytes_of(in_planes) == planes_of(expected, channels));
  }
}

TEST_CASE("a result that would be too large is refused") {
  Resizer resizer;
  const Bytes line(60'000, 1);
  CHECK_THROWS_WITH_AS(resizer.resize({line.data(), 1, 1, 60'000, false}, 256, 256 * 60'000),
                       "is 1x60000, too large or too narrow to be resized to 256x15360000",
                       PictureError);
  CHECK_THROWS_AS(resizer.resize({line.data(), 1, 60'000, 1, false}, 2, 50'000), PictureError);
}

}  // namespace dl
