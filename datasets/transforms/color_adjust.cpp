// The arithmetic of color_jitter: float where Pillow has float and double where it has double,
// since results are cut off to bytes and the last bit decides here and there.
#include <algorithm>
#include <cmath>

#include "datasets/transforms/color_jitter.h"

namespace dl {
namespace {

using ByteTable = std::array<std::uint8_t, 256>;

/// From `plain`, at 0, to the pixel, at 1, and beyond.
std::uint8_t blend(int plain, int pixel, float factor) {
  const float mixed = static_cast<float>(plain) + factor * static_cast<float>(pixel - plain);
  return static_cast<std::uint8_t>(std::clamp(mixed, 0.0F, 255.0F));
}

/// A pixel's light as Pillow's convert("L") weighs it, in fixed point.
int light_of(int red, int green, int blue) {
  return (red * 19595 + green * 38470 + blue * 7471 + (1 << 15)) >> 16;
}

template <class Edit>
void for_each_colour(const EditedPicture& picture, const Edit& edit) {
  const std::int64_t step = picture.pixel_step(), plane = picture.plane_step();
  std::uint8_t* pixel = picture.pixels;
  for (std::int64_t i = 0; i < picture.count; ++i, pixel += step)
    edit(pixel[0], pixel[plane], pixel[2 * plane]);
}

void look_up(const EditedPicture& picture, const ByteTable& table) {
  const std::int64_t bytes = picture.channels * picture.count;
  for (std::int64_t i = 0; i < bytes; ++i) picture.pixels[i] = table[picture.pixels[i]];
}

void blend_with(const EditedPicture& picture, int plain, float factor) {
  ByteTable table;
  for (int byte = 0; byte < 256; ++byte)
    table[static_cast<std::size_t>(byte)] = blend(plain, byte, factor);
  look_up(picture, table);
}

struct Hsv {
  int hue, saturation, value;  // bytes
};

Hsv to_hsv(int red, int green, int blue) {
  const int most = std::max({red, green, blue}), least = std::min({red, green, blue});
  if (most == least) return {0, 0, most};
  const auto range = static_cast<float>(most - least);
  const float saturation = range / static_cast<float>(most);
  const auto below = [&](int channel) { return static_cast<float>(most - channel) / range; };
  float sixth;  // of the circle, from -1 to 5
  if (red == most)
    sixth = below(blue) - below(green);
  else if (green == most)
    sixth = static_cast<float>(2.0 + below(red) - below(blue));
  else
    sixth = static_cast<float>(4.0 + below(green) - below(red));
  double turn = sixth / 6.0 + 1.0;
  if (turn >= 1.0) turn -= 1.0;
  const auto hue = static_cast<float>(turn);
  return {static_cast<int>(hue * 255.0), static_cast<int>(saturation * 255.0), most};
}

std::array<int, 3> to_rgb(const Hsv& colour) {
  const int v = colour.value;
  if (colour.saturation == 0) return {v, v, v};
  const double place = static_cast<float>(colour.hue) * 6.0 / 255.0;
  const int sector = static_cast<int>(place);
  const auto f = static_cast<float>(place - static_cast<float>(sector));
  const auto s = static_cast<float>(static_cast<float>(colour.saturation) / 255.0);
  const auto part = [&](double share) { return static_cast<int>(std::round(v * (1.0 - share))); };
  const int low = part(s), falling = part(s * f), rising = part(s * (1.0 - f));
  switch (sector % 6) {
    case 0:
      return {v, rising, low};
    case 1:
      return {falling, v, low};
    case 2:
      return {low, v, rising};
    case 3:
      return {low, falling, v};
    case 4:
      return {rising, low, v};
    default:
      return {v, low, falling};
  }
}

}  // namespace

void adjust_brightness(const EditedPicture& picture, float factor) {
  blend_with(picture, 0, factor);
}

void adjust_contrast(const EditedPicture& picture, float factor) {
  std::int64_t sum = 0;
  if (picture.channels == 3) {
    for_each_colour(picture,
                    [&](int red, int green, int blue) { sum += light_of(red, green, blue); });
  } else {
    for (std::int64_t i = 0; i < picture.count; ++i) sum += picture.pixels[i];
  }
  const double mean = static_cast<double>(sum) / static_cast<double>(picture.count);
  blend_with(picture, static_cast<int>(mean + 0.5), factor);
}

void adjust_saturation(const EditedPicture& picture, float factor) {
  if (picture.channels != 3) return;
  for_each_colour(picture, [&](std::uint8_t& red, std::uint8_t& green, std::uint8_t& blue) {
    const int light = light_of(red, green, blue);
    red = blend(light, red, factor);
    green = blend(light, green, factor);
    blue = blend(light, blue, factor);
  });
}

void adjust_hue(const EditedPicture& picture, float shift) {
  if (picture.channels != 3) return;
  const int turn = static_cast<int>(static_cast<double>(shift) * 255.0);
  for_each_colour(picture, [&](std::uint8_t& red, std::uint8_t& green, std::uint8_t& blue) {
    Hsv colour = to_hsv(red, green, blue);
    colour.hue = (colour.hue + turn) & 255;
    const std::array<int, 3> turned = to_rgb(colour);
    red = static_cast<std::uint8_t>(turned[0]);
    green = static_cast<std::uint8_t>(turned[1]);
    blue = static_cast<std::uint8_t>(turned[2]);
  });
}

}  // namespace dl
