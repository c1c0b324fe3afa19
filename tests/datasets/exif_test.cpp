#include "datasets/images/exif.h"

#include <doctest/doctest.h>

#include "core/random.h"
#include "datasets/images/image_buffers.h"
#include "datasets/images/image_files.h"
#include "tests/support/golden.h"
#include "tests/support/pictures.h"

namespace dl {
namespace {

using test::Bytes;

Bytes pixels_of(const Picture& image) {
  return {image.pixels.begin(), image.pixels.begin() + static_cast<std::ptrdiff_t>(image.bytes())};
}

Bytes decoded(const Bytes& file, bool upright, Picture& image) {
  decode_picture(file, {.channels = 3, .size = {}, .upright = upright}, image);
  return pixels_of(image);
}

}  // namespace

TEST_CASE("images are turned as Pillow's exif_transpose turns them, or left as they are stored") {
  const auto golden = test::read_golden("exif");
  CHECK(golden.size() > 30);
  Picture image;  // one for all, as a thread keeps it
  for (const auto& row : golden) {
    CAPTURE(row["name"].get<std::string>());
    const Bytes file = test::from_hex(row["file"]);
    CHECK(decoded(file, true, image) == test::from_hex(row["rgb"]));
    CHECK(image.height == row["height"]);
    CHECK(image.width == row["width"]);
    CHECK(decoded(file, false, image) == test::from_hex(row["stored"]));
    CHECK(image.height == 3);
    CHECK(image.width == 5);
  }
}

TEST_CASE("a size that is asked for is that of the upright image") {
  for (const auto& row : test::read_golden("exif")) {
    if (row["name"] != "jpeg 6" && row["name"] != "png 6") continue;
    const Bytes file = test::from_hex(row["file"]);
    Picture image;
    decode_picture(file, {.channels = 3, .size = {{5, 3}}}, image);
    CHECK(image.height == 5);
    CHECK_THROWS_WITH_AS(decode_picture(file, {.channels = 3, .size = {{3, 5}}}, image),
                         "is 5x3, but size: says 3x5 (height x width)", PictureError);
    decode_picture(file, {.channels = 3, .size = {{3, 5}}, .upright = false}, image);
    CHECK(image.height == 3);
  }
}

TEST_CASE("EXIF that is cut short or damaged anywhere is read as far as it makes sense") {
  int upright = 0, turned = 0;
  for (const auto& row : test::read_golden("exif")) {
    const Bytes file = test::from_hex(row["file"]);
    const auto look = [&](const Bytes& bytes) {
      const int found = exif_orientation(bytes);
      CHECK(found >= 1);
      CHECK(found <= 8);
      ++(found == 1 ? upright : turned);
    };
    for (std::size_t size = 0; size < file.size(); ++size)  // vectors of their own, for asan
      look(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
    Random random(1, RandomStream::test);
    for (int i = 0; i < 2000; ++i) {
      Bytes damaged = file;
      for (int k = 0; k < 4; ++k) {
        const std::uint64_t most = std::min<std::size_t>(file.size(), 120);
        damaged[random.below(most)] = static_cast<std::uint8_t>(
            random.below(2) == 0 ? random.below(256) : (random.below(2) == 0 ? 0xFF : 0));
      }
      look(damaged);
    }
  }
  CHECK(upright > 1000);
  CHECK(turned > 1000);
}

TEST_CASE("lengths and offsets that lie are no orientation") {
  const auto jpeg_with = [](const Bytes& tiff) {
    Bytes file = {0xFF, 0xD8, 0xFF, 0xE1, 0, static_cast<std::uint8_t>(tiff.size() + 8)};
    for (const char c : {'E', 'x', 'i', 'f', '\0', '\0'}) file.push_back(static_cast<uint8_t>(c));
    file.insert(file.end(), tiff.begin(), tiff.end());
    return file;
  };
  const Bytes good = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  CHECK(exif_orientation(jpeg_with(good)) == 6);
  const auto changed = [&](std::size_t at, std::vector<std::uint8_t> bytes) {
    Bytes tiff = good;
    for (const std::uint8_t byte : bytes) tiff[at++] = byte;
    return exif_orientation(jpeg_with(tiff));
  };
  CHECK(changed(4, {0xFF, 0xFF, 0xFF, 0xFF}) == 1);   // where the list is
  CHECK(changed(4, {21, 0, 0, 0}) == 1);              // it begins with the last byte
  CHECK(changed(8, {0xFF, 0xFF}) == 6);               // entries: more than there are bytes
  CHECK(changed(8, {0, 0}) == 1);                     // none
  CHECK(changed(14, {0xFF, 0xFF, 0xFF, 0xFF}) == 1);  // values
  CHECK(changed(14, {0, 0, 0, 0}) == 1);
  CHECK(changed(12, {99, 0}) == 1);  // their type
  CHECK(changed(18, {9, 0}) == 1);   // more than 8
  CHECK(changed(18, {6, 1}) == 1);
  CHECK(exif_orientation({}) == 1);
  Bytes file = jpeg_with(good);
  file[4] = 0xFF;  // a segment that is longer than the file
  CHECK(exif_orientation(file) == 1);
  file[4] = 0;
  file[5] = 1;  // and one that is shorter than its length
  CHECK(exif_orientation(file) == 1);
}

TEST_CASE("a folder's images are turned upright, or left as they are stored, in predict too") {
  const test::TempFolder folder;
  test::write_pictures(folder.path(), {"a", "b"}, 1, 4, 6);
  for (const auto& row : test::read_golden("exif")) {
    if (row["name"] == "jpeg 6") test::write_bytes(folder / "a/0.jpg", test::from_hex(row["file"]));
  }
  const auto open = [&](const std::string& orientation) {
    const auto source = make_data_source(
        test::typed("image_folder", {{"path", folder.path()}, {"orientation", orientation}}));
    source->look_up({});
    return source->open(Split::train, {});
  };
  const auto height = [](const Dataset& data, std::size_t index) {
    PictureBuffers buffers;
    data.decode(index, buffers);
    return buffers.decoded.height;
  };
  const auto upright = open("apply"), stored = open("ignore");
  REQUIRE(upright->sample_name(0) == folder / "a/0.jpg");
  CHECK(height(*upright, 0) == 5);
  CHECK(height(*stored, 0) == 3);
  CHECK(height(*upright, 1) == 4);
  // A run on the ones is none on the others, and features of the ones are not those of the others.
  CHECK(upright->fingerprint() == stored->fingerprint() + ", 1 turned upright");
  const std::string paths[] = {folder / "a/0.jpg"};
  CHECK(height(*open_pictures(paths, upright->spec(), true, false), 0) == 5);
  CHECK(height(*open_pictures(paths, stored->spec(), true, false), 0) == 3);
  // Whatever the network was trained on.
  DataSpec digits = make_data_source(test::typed("digits"))->spec();
  CHECK(height(*open_pictures(paths, digits, true, false), 0) == 5);
}

}  // namespace dl
