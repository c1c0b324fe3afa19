#include "datasets/images/image_file.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/random.h"
#include "tests/support/golden.h"
#include "tests/support/pictures.h"

namespace dl {
namespace {

using test::Bytes;

Bytes decoded(const Bytes& file, std::int64_t channels) {
  Picture picture;
  decode_picture(file, {.channels = channels, .size = {}, .upright = false}, picture);
  CHECK(picture.channels == channels);
  return {picture.pixels.begin(),
          picture.pixels.begin() + static_cast<std::ptrdiff_t>(picture.bytes())};
}

/// Why the file is refused; "" when it is not.
std::string refusal(const Bytes& file, const PictureRule& rule = {}) {
  Picture picture;
  try {
    decode_picture(file, rule, picture);
  } catch (const PictureError& error) {
    return error.what();
  }
  return "";
}

Bytes golden_file(const std::string& name) {
  const auto golden = test::read_golden("pictures");
  for (const auto& row : golden["decode"]) {
    if (row["name"] == name) return test::from_hex(row["file"]);
  }
  FAIL("no golden picture ", name);
  return {};
}

/// A small file of each kind that goes through other code of the decoders.
std::vector<Bytes> small_files() {
  const Bytes pixels = test::striped_picture(1, 2, 8, 9);
  return {test::jpeg_bytes(8, 9, 3, pixels), test::png_bytes(8, 9, 3, pixels),
          golden_file("jpeg progressive"), golden_file("png interlaced palette 4")};
}

Bytes big_endian(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

/// A PNG that claims a size; its pixels are missing.
Bytes png_of_size(std::uint32_t height, std::uint32_t width) {
  Bytes file = test::png_bytes(1, 1, 1, {0});
  Bytes header = {'I', 'H', 'D', 'R'};
  for (const std::uint32_t size : {width, height}) {
    for (const std::uint8_t byte : big_endian(size)) header.push_back(byte);
  }
  header.insert(header.end(), {8, 0, 0, 0, 0});
  std::copy(header.begin(), header.end(), file.begin() + 12);
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t byte : header) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
  }
  const Bytes sum = big_endian(~crc);
  std::copy(sum.begin(), sum.end(), file.begin() + 12 + static_cast<std::ptrdiff_t>(header.size()));
  return file;
}

}  // namespace

TEST_CASE("JPEG and PNG files of every form decode to Pillow's bytes, in colour and in grey") {
  const auto golden = test::read_golden("pictures");
  CHECK(golden["decode"].size() > 25);
  for (const auto& row : golden["decode"]) {
    CAPTURE(row["name"].get<std::string>());
    const Bytes file = test::from_hex(row["file"]);
    CHECK(decoded(file, 3) == test::from_hex(row["rgb"]));
    CHECK(decoded(file, 1) == test::from_hex(row["grey"]));
  }
}

TEST_CASE("one picture's memory serves the next, larger or smaller, in any form") {
  Picture picture;
  const auto golden = test::read_golden("pictures");
  for (int round = 0; round < 2; ++round) {
    for (const auto& row : golden["decode"]) {
      decode_picture(test::from_hex(row["file"]), {.channels = 3, .size = {}, .upright = false},
                     picture);
      const Bytes expected = test::from_hex(row["rgb"]);
      CHECK(std::equal(expected.begin(), expected.end(), picture.pixels.begin()));
      decode_picture(test::png_bytes(1, 2, 1, {7, 9}), {.channels = 3}, picture);
      CHECK(picture.bytes() == 6);
      CHECK(Bytes(picture.pixels.begin(), picture.pixels.begin() + 6) == Bytes{7, 7, 7, 9, 9, 9});
    }
  }
}

TEST_CASE("a size that the rule says is kept or refused") {
  for (const Bytes& file : small_files()) {
    Picture picture;
    decode_picture(file, {.channels = 3}, picture);
    const auto height = picture.height, width = picture.width;
    CHECK(refusal(file, {.size = {{height, width}}}).empty());
    CHECK(refusal(file, {.size = {{width, height}}}) ==
          "is " + size_text(height, width) + ", but size: says " + size_text(width, height) +
              " (height x width)");
  }
}

TEST_CASE("what is no picture is refused") {
  CHECK(refusal({}) == "is empty");
  CHECK(refusal({'G', 'I', 'F', '8', '9', 'a', 0, 0}) == "is neither a JPEG nor a PNG picture");
  CHECK(refusal({0xFF}) == "is neither a JPEG nor a PNG picture");
  CHECK(refusal({0xFF, 0xD8, 0xFF, 0xD9}) ==
        "is a damaged JPEG: JPEG datastream contains no image");
}

TEST_CASE("a file that is cut short anywhere is refused, its end mark too") {
  for (const Bytes& file : small_files()) {
    CHECK(refusal(file).empty());
    for (std::size_t size = 0; size < file.size(); ++size) {
      const std::string why =
          refusal({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)});
      CHECK_MESSAGE(!why.empty(), size, " of ", file.size(), " bytes");
    }
    Bytes longer = file;
    longer.insert(longer.end(), {0, 1, 2, 3});
    CHECK_MESSAGE(refusal(longer).empty(), "what follows a picture is nobody's business");
  }
}

TEST_CASE("garbled files are refused or decoded, and never harm") {
  Random random(1, RandomStream::test);
  int refused = 0;
  for (const Bytes& file : small_files()) {
    for (int round = 0; round < 1500; ++round) {
      Bytes garbled = file;
      for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips)
        garbled[random.below(garbled.size())] = static_cast<std::uint8_t>(random.below(256));
      refused += refusal(garbled).empty() ? 0 : 1;
    }
  }
  CHECK(refused > 2000);
}

TEST_CASE("a size that a few bytes promise is refused before memory is taken") {
  CHECK(refusal(png_of_size(10'001, 10'000)) ==
        "is 10001x10000 pixels; read are at most 100 million, and 65536 to a side");
  CHECK(refusal(png_of_size(2'147'483'647, 2'147'483'647)).find("read are at most") !=
        std::string::npos);
  CHECK(refusal(png_of_size(1, 65'537)).find("read are at most") != std::string::npos);
  CHECK(refusal(png_of_size(0, 5)).starts_with("is a damaged PNG"));
  Bytes jpeg = test::jpeg_bytes(8, 9, 3, test::striped_picture(1, 2, 8, 9));
  const Bytes sof = {0xFF, 0xC0, 0, 17, 8, 0, 8, 0, 9};
  const auto at = std::search(jpeg.begin(), jpeg.end(), sof.begin(), sof.end());
  REQUIRE(at != jpeg.end());
  std::fill_n(at + 5, 4, std::uint8_t{0xFD});
  CHECK(refusal(jpeg) ==
        "is 65021x65021 pixels; read are at most 100 million, and 65536 to a side");
}

TEST_CASE("a JPEG of endless scans is given up") {
  // The first scan of a progressive file, said to be complete, over and over: each is valid.
  const Bytes jpeg = golden_file("jpeg progressive");
  const Bytes start = {0xFF, 0xDA};
  const auto scan = std::search(jpeg.begin(), jpeg.end(), start.begin(), start.end());
  REQUIRE(scan != jpeg.end());
  const auto end = std::adjacent_find(
      scan + 2, jpeg.end(), [](int byte, int next) { return byte == 0xFF && next != 0x00; });
  Bytes whole(scan, end);
  const std::size_t header = 2 + static_cast<std::size_t>(whole[3]);
  CHECK(whole[header - 1] == 0x01);
  whole[header - 1] = 0x00;
  const auto of_scans = [&](int count) {
    Bytes file(jpeg.begin(), scan);
    for (int i = 0; i < count; ++i) file.insert(file.end(), whole.begin(), whole.end());
    file.insert(file.end(), {0xFF, 0xD9});
    return file;
  };
  CHECK(refusal(of_scans(900)).empty());
  CHECK(refusal(of_scans(1100)) == "is a damaged JPEG: more than 1000 scans");
}

TEST_CASE("files that cannot be read are refused with the reason") {
  const test::TempFolder folder;
  Bytes bytes;
  CHECK_THROWS_WITH_AS(read_picture_file(folder / "none.jpg", bytes),
                       doctest::Contains("No such file"), PictureError);
  CHECK_THROWS_AS(read_picture_file(folder.path(), bytes), PictureError);
  test::write_bytes(folder / "a.jpg", {1, 2, 3});
  read_picture_file(folder / "a.jpg", bytes);
  CHECK(bytes == Bytes{1, 2, 3});
}

}  // namespace dl
