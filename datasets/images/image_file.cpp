#include "datasets/images/image_file.h"

#include <algorithm>

#include "core/file_system.h"
#include "datasets/images/exif.h"
#include "datasets/images/image_codecs.h"

namespace dl {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;
constexpr std::uint8_t kJpegMagic[] = {0xFF, 0xD8, 0xFF};
constexpr std::uint8_t kPngMagic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

bool begins_with(std::span<const std::uint8_t> file, std::span<const std::uint8_t> magic) {
  return file.size() >= magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
}

/// ITU-R 601-2 luma in Pillow's fixed point.
std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >>
                                   16);
}

/// Pillow's: what ink and black take away from white.
std::uint8_t without_ink(int ink, int black) {
  const int product = ink * (255 - black) + 128;
  return static_cast<std::uint8_t>(std::max(0, 255 - black - (((product >> 8) + product) >> 8)));
}

/// In place, as each pixel shrinks.
void cmyk_to_rgb(Picture& picture) {
  const std::uint8_t* from = picture.pixels.data();
  std::uint8_t* to = picture.pixels.data();
  for (std::int64_t i = 0; i < picture.height * picture.width; ++i, from += 4, to += 3) {
    const int black = from[3];
    for (int c = 0; c < 3; ++c) to[c] = without_ink(from[c], black);
  }
  picture.channels = 3;
}

void rgb_to_grey(Picture& picture) {
  std::uint8_t* pixels = picture.pixels.data();
  for (std::int64_t i = 0; i < picture.height * picture.width; ++i)
    pixels[i] = luma(pixels + 3 * i);
  picture.channels = 1;
}

/// In place, from the end, as each pixel grows.
void grey_to_rgb(Picture& picture) {
  picture.reshape(picture.height, picture.width, 3);
  std::uint8_t* pixels = picture.pixels.data();
  for (std::int64_t i = picture.height * picture.width - 1; i >= 0; --i)
    std::fill_n(pixels + 3 * i, 3, pixels[i]);
}

}  // namespace

void Picture::reshape(std::int64_t new_height, std::int64_t new_width, std::int64_t new_channels) {
  height = new_height;
  width = new_width;
  channels = new_channels;
  if (pixels.size() < bytes()) pixels.resize(bytes());
}

bool is_too_large(std::int64_t height, std::int64_t width) {
  return height > kMaxSide || width > kMaxSide || height > kMaxPixels / width;
}

std::string size_text(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

void SizeCheck::operator()(std::int64_t height, std::int64_t width) const {
  if (sideways) std::swap(height, width);
  if (height < 1 || width < 1) throw PictureError("has no pixels");
  if (is_too_large(height, width)) {
    throw PictureError("is " + size_text(height, width) + " pixels; read are at most " +
                       std::to_string(kMaxPixels / 1'000'000) + " million, and " +
                       std::to_string(kMaxSide) + " to a side");
  }
  if (rule.size && ((*rule.size)[0] != height || (*rule.size)[1] != width)) {
    throw PictureError("is " + size_text(height, width) + ", but size: says " +
                       size_text((*rule.size)[0], (*rule.size)[1]) + " (height x width)");
  }
}

void decode_picture(std::span<const std::uint8_t> file, const PictureRule& rule, Picture& out) {
  if (file.empty()) throw PictureError("is empty");
  const int orientation = rule.upright ? exif_orientation(file) : 1;
  const SizeCheck check_size{rule, lies_on_its_side(orientation)};
  if (begins_with(file, kJpegMagic)) {
    decode_jpeg(file, check_size, out);
  } else if (begins_with(file, kPngMagic)) {
    decode_png(file, check_size, out);
  } else {
    throw PictureError("is neither a JPEG nor a PNG picture");
  }
  if (out.channels == 4) cmyk_to_rgb(out);
  if (out.channels == 3 && rule.channels == 1) rgb_to_grey(out);
  if (out.channels == 1 && rule.channels == 3) grey_to_rgb(out);
  turn_upright(out, orientation);
}

bool is_picture_file(const std::string& path) {
  try {
    const InputFile file(path);
    std::array<std::uint8_t, std::size(kPngMagic)> start{};
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), start.size()));
    file.read_at(0, std::as_writable_bytes(std::span(start).first(count)));
    const auto there = std::span<const std::uint8_t>(start).first(count);
    return begins_with(there, kJpegMagic) || begins_with(there, kPngMagic);
  } catch (const FileError&) {
    return false;
  }
}

void read_picture_file(const std::string& path, std::vector<std::uint8_t>& out) {
  try {
    const InputFile file(path);
    if (file.size() > kMaxFileBytes) {
      throw PictureError("has " + std::to_string(file.size()) + " bytes, too many for a picture");
    }
    out.resize(static_cast<std::size_t>(file.size()));
    file.read_at(0, std::as_writable_bytes(std::span(out)));
  } catch (const FileError& error) {
    throw PictureError(std::string("cannot be read: ") + error.what());
  }
}

}  // namespace dl
