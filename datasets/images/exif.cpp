#include "datasets/images/exif.h"

#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>
#include <string_view>

namespace dl {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr int kUpright = 1;
constexpr std::uint64_t kOrientationTag = 0x0112;

/// A number of `count` bytes at `at`; none where the bytes end before.
std::optional<std::uint64_t> number_at(Bytes bytes, std::uint64_t at, std::size_t count,
                                       bool little_endian = false) {
  if (at > bytes.size() || count > bytes.size() - at) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value = value << 8 | bytes[at + (little_endian ? count - 1 - i : i)];
  return value;
}

bool begins_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// Of TIFF's types that Pillow takes: whole numbers of two or four bytes, with a sign or not. Else
/// 0.
std::size_t size_of_type(std::uint64_t type) {
  if (type == 3 || type == 8) return 2;
  return type == 4 || type == 9 ? 4 : 0;
}

/// EXIF is a small TIFF file: a header, and a list of entries of twelve bytes, of which one says
/// how the image lies.
int orientation_in(Bytes tiff) {
  const bool little = begins_with(tiff, std::string_view("II*\0", 4));
  if (!little && !begins_with(tiff, std::string_view("MM\0*", 4))) return kUpright;
  const auto list = number_at(tiff, 4, 4, little);
  const auto count = list ? number_at(tiff, *list, 2, little) : std::nullopt;
  if (!count) return kUpright;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const std::uint64_t entry = *list + 2 + 12 * i;
    const auto tag = number_at(tiff, entry, 2, little),
               type = number_at(tiff, entry + 2, 2, little),
               values = number_at(tiff, entry + 4, 4, little);
    if (!number_at(tiff, entry + 8, 4)) return kUpright;
    if (*tag != kOrientationTag) continue;
    const std::size_t size = size_of_type(*type);
    if (size == 0 || *values < 1 || *values > 4 / size) return kUpright;
    const std::uint64_t value = *number_at(tiff, entry + 8, size, little);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

/// The segments before the pixels: marker, length, content.
int jpeg_orientation(Bytes file) {
  std::uint64_t at = 2;
  while (true) {
    const auto byte = number_at(file, at, 1), marker = number_at(file, at + 1, 1);
    if (!marker || *byte != 0xFF) return kUpright;
    if (*marker == 0xFF) {  // a byte that fills up
      ++at;
      continue;
    }
    const bool starts_pixels = *marker == 0xDA, ends = *marker == 0xD9;
    const auto length = number_at(file, at + 2, 2);
    if (starts_pixels || ends || !length || *length < 2 || *length > file.size() - at - 2)
      return kUpright;
    const Bytes content = file.subspan(at + 4, *length - 2);
    constexpr std::string_view kExif("Exif\0\0", 6);
    if (*marker == 0xE1 && begins_with(content, kExif))
      return orientation_in(content.subspan(kExif.size()));
    at += 2 + *length;
  }
}

/// The chunks: length, type, content, checksum.
int png_orientation(Bytes file) {
  std::uint64_t at = 8;
  while (true) {
    const auto length = number_at(file, at, 4);
    if (!length || *length + 12 > file.size() - at) return kUpright;
    const Bytes chunk = file.subspan(at + 4, *length + 4);
    if (begins_with(chunk, "eXIf")) {
      const bool whole =
          crc32_z(0, chunk.data(), chunk.size()) == *number_at(file, at + 8 + *length, 4);
      return whole ? orientation_in(chunk.subspan(4)) : kUpright;
    }
    at += *length + 12;
  }
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> file) {
  if (begins_with(file, "\xFF\xD8")) return jpeg_orientation(file);
  return begins_with(file, "\x89PNG\r\n\x1A\n") ? png_orientation(file) : kUpright;
}

void turn_upright(Picture& image, int orientation) {
  assert(orientation >= 1 && orientation <= 8);
  if (orientation == kUpright) return;
  const bool side = lies_on_its_side(orientation);
  const bool rows_back =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool columns_back =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const std::int64_t channels = image.channels, row = image.width * channels;
  // Steps through the bytes that are, for one row and one column of what becomes of them.
  const std::int64_t along_rows = rows_back ? -row : row;
  const std::int64_t along_columns = columns_back ? -channels : channels;
  const std::int64_t height = side ? image.width : image.height;
  const std::int64_t width = side ? image.height : image.width;
  const std::int64_t down = side ? along_columns : along_rows;
  const std::int64_t right = side ? along_rows : along_columns;
  const std::uint8_t* line = image.pixels.data() + (rows_back ? (image.height - 1) * row : 0) +
                             (columns_back ? row - channels : 0);
  if (image.spare.size() < image.bytes()) image.spare.resize(image.bytes());
  std::uint8_t* to = image.spare.data();
  for (std::int64_t y = 0; y < height; ++y, line += down) {
    const std::uint8_t* from = line;
    for (std::int64_t x = 0; x < width; ++x, from += right, to += channels)
      std::copy_n(from, channels, to);
  }
  std::swap(image.pixels, image.spare);
  image.height = height;
  image.width = width;
}

}  // namespace dl
