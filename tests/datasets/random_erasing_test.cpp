#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/datasets/augment_cases.h"

namespace dl::test {
TEST_CASE("random_erasing fills a box smaller than the picture, as often and as large as asked") {
  const Picture picture = noise(9, 32, 24, 3);
  const std::vector<float> whole = as_floats(picture.pixels, 3);
  const Pipeline pipeline(
      encoded(3, 32, 24),
      Transforms{typed("random_erasing", {{"p", "0.3"}, {"value", "[7, 8, 9]"}})});
  PictureBuffers buffers;
  int erased = 0;
  double share = 0;
  for (std::uint64_t sample = 0; sample < 4000; ++sample) {
    const std::vector<float> image = apply(pipeline, picture, buffers, sample);
    std::int64_t top = 99, bottom = -1, left = 99, right = -1, count = 0;
    for (std::size_t i = 0; i < image.size(); ++i) {
      if (image[i] == whole[i]) continue;
      REQUIRE(image[i] == 7.0F + static_cast<float>(i / 768));
      const auto y = static_cast<std::int64_t>(i / 24 % 32), x = static_cast<std::int64_t>(i % 24);
      top = std::min(top, y);
      bottom = std::max(bottom, y);
      left = std::min(left, x);
      right = std::max(right, x);
      ++count;
    }
    if (count == 0) continue;
    ++erased;
    const std::int64_t height = bottom - top + 1, width = right - left + 1;
    CHECK(count == 3 * height * width);
    CHECK((height < 32 && width < 24));
    share += static_cast<double>(height * width) / 768;
  }
  CHECK(std::abs(erased / 4000.0 - 0.3) < 0.02);
  CHECK(std::abs(share / erased - 0.165) < 0.02);  // a little less than 0.175: what does not fit
}

TEST_CASE("random_erasing is the last: its values are the network's, and rows and pixels follow") {
  const Picture picture = noise(9, 16, 16, 3);
  const Transforms list = {typed("normalize", {{"mean", "0.5"}, {"std", "0.1"}}),
                           typed("random_erasing", {{"p", "1"}, {"value", "42"}})};
  const std::vector<float> planes = apply(Pipeline(encoded(3, 16, 16), list), picture, 3);
  const auto filled = std::ranges::count(planes, 42.0F);
  CHECK(filled > 0);
  CHECK(filled % 3 == 0);
  Transforms unrolled = list;
  unrolled.push_back(typed("pixels"));
  const std::vector<float> pixels = apply(Pipeline(encoded(3, 16, 16), unrolled), picture, 3);
  for (std::size_t i = 0; i < 256; ++i)
    for (std::size_t c = 0; c < 3; ++c) CHECK(pixels[i * 3 + c] == planes[c * 256 + i]);
}

TEST_CASE("random_erasing puts in normal numbers, each its own") {
  const Picture picture = noise(9, 64, 64, 3);
  const Pipeline pipeline(
      encoded(3, 64, 64),
      Transforms{
          typed("random_erasing", {{"p", "1"}, {"scale", "[0.3, 0.3]"}, {"value", "random"}})});
  const std::vector<float> image = apply(pipeline, picture), whole = as_floats(picture.pixels, 3);
  double sum = 0, squares = 0;
  int count = 0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (image[i] == whole[i]) continue;
    ++count;
    sum += image[i];
    squares += static_cast<double>(image[i]) * image[i];
  }
  CHECK(count > 3000);
  CHECK(std::abs(sum / count) < 0.06);
  CHECK(std::abs(squares / count - 1) < 0.1);
}

}  // namespace dl::test
