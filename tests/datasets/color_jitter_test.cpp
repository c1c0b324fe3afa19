#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "datasets/transforms/color_jitter.h"
#include "tests/datasets/augment_cases.h"
#include "tests/support/golden.h"

namespace dl::test {
namespace {

void adjust(const EditedPicture& picture, int which, float factor) {
  Jitter jitter;
  jitter.factor[static_cast<std::size_t>(which)] = factor;
  apply_jitter(picture, jitter);
}

}  // namespace

TEST_CASE("brightness, contrast, saturation and hue change as in Pillow, whatever the layout") {
  const auto golden = read_golden("augment");
  for (const auto& row : golden["adjustments"]) {
    CAPTURE(row.dump().substr(0, 60));
    const std::int64_t channels = row["channels"];
    const int which = row["which"];
    Picture picture = noise(static_cast<std::size_t>(which + channels), 7, 9, channels);
    Bytes planes = to_planes(picture.pixels, static_cast<std::size_t>(channels));
    adjust({picture.pixels.data(), channels, 63, false}, which, row["factor"]);
    CHECK(picture.pixels == from_hex(row["bytes"]));
    adjust({planes.data(), channels, 63, true}, which, row["factor"]);
    CHECK(planes == to_planes(picture.pixels, static_cast<std::size_t>(channels)));
  }
}

TEST_CASE("several adjustments follow one another in the drawn order") {
  const auto golden = read_golden("augment");
  for (const auto& row : golden["jitters"]) {
    CAPTURE(row.dump().substr(0, 60));
    Jitter jitter;
    for (std::size_t i = 0; i < 4; ++i) {
      jitter.order[i] = row["order"][i];
      if (!row["factor"][i].is_null()) jitter.factor[i] = row["factor"][i].get<float>();
    }
    Picture picture = noise(11, 7, 9, 3);
    apply_jitter({picture.pixels.data(), 3, 63, false}, jitter);
    CHECK(picture.pixels == from_hex(row["bytes"]));
  }
}

TEST_CASE("saturation and hue of 636,056 colours are Pillow's") {
  Bytes all;
  for (int red = 0; red < 256; red += 3)
    for (int green = 0; green < 256; green += 3)
      for (int blue = 0; blue < 256; blue += 3)
        for (const int value : {red, green, blue}) all.push_back(static_cast<std::uint8_t>(value));
  const auto golden = read_golden("augment");
  for (const auto& row : golden["all_colours"]) {
    CAPTURE(row.dump());
    Bytes pixels = all;
    adjust({pixels.data(), 3, static_cast<std::int64_t>(pixels.size() / 3), false}, row["which"],
           row["factor"]);
    const auto sum = crc32(0, pixels.data(), static_cast<uInt>(pixels.size()));
    CHECK(sum == row["crc32"].get<unsigned long>());
  }
}

TEST_CASE("color_jitter draws each factor from its range, and every order as often") {
  const JitterRanges ranges = {DrawnRange{0.6, 1.4}, std::nullopt, DrawnRange{0.0, 3.0},
                               DrawnRange{-0.1, 0.1}};
  std::vector<int> orders(256);
  double brightness = 0, saturation = 0, least = 9, most = -9;
  constexpr int kDraws = 24000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    Random random(1, RandomStream::augment, 0, i);
    const Jitter jitter = draw_jitter(ranges, random);
    ++orders[jitter.order[0] * 64 + jitter.order[1] * 16 + jitter.order[2] * 4 + jitter.order[3]];
    CHECK_FALSE(jitter.factor[1]);
    CHECK((*jitter.factor[0] >= 0.6F && *jitter.factor[0] <= 1.4F));
    brightness += *jitter.factor[0];
    saturation += *jitter.factor[2];
    least = std::min<double>(least, *jitter.factor[3]);
    most = std::max<double>(most, *jitter.factor[3]);
  }
  CHECK(std::ranges::count_if(orders, [](int n) { return n > 0; }) == 24);
  for (const int count : orders) CHECK((count == 0 || (count > 850 && count < 1150)));
  CHECK(std::abs(brightness / kDraws - 1.0) < 0.01);
  CHECK(std::abs(saturation / kDraws - 1.5) < 0.03);
  CHECK((least >= -0.1F && least < -0.0998 && most > 0.0998 && most <= 0.1F));
}

TEST_CASE("color_jitter stands where the list has it: padding that was there before is changed") {
  const Picture picture = noise(4, 6, 5, 3);
  const auto jitter = typed("color_jitter", {{"brightness", "[0.5, 0.5]"}});
  const auto padding =
      typed("random_crop", {{"size", "[14, 13]"}, {"padding", "4"}, {"fill", "200"}});
  const auto before = apply(Pipeline(encoded(3, 6, 5), Transforms{padding, jitter}), picture);
  const auto after = apply(Pipeline(encoded(3, 6, 5), Transforms{jitter, padding}), picture);
  CHECK(before[0] == 100.0F / 255.0F);
  CHECK(after[0] == 200.0F / 255.0F);
  Picture darker = picture;
  adjust({darker.pixels.data(), 3, 30, false}, 0, 0.5F);
  const auto expected = apply(Pipeline(encoded(3, 6, 5), Transforms{padding}), darker);
  CHECK(after == expected);
}

TEST_CASE("a flip before color_jitter is one behind it, but for the numbers drawn") {
  const Picture picture = noise(5, 6, 5, 3);
  const auto flip = typed("random_flip", {{"p", "1"}}),
             jitter = typed("color_jitter", {{"contrast", "[2, 2]"}});
  CHECK(apply(Pipeline(encoded(3, 6, 5), Transforms{flip, jitter}), picture) ==
        apply(Pipeline(encoded(3, 6, 5), Transforms{jitter, flip}), picture));
}

}  // namespace dl::test
