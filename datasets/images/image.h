#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace dl {

/// A picture of bytes, 0 to 255, whose channels stand side by side in each pixel, as decoders give
/// it.
struct Picture {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;      // room for this picture or a larger one
  std::vector<std::uint8_t> spare = {};  // room to turn it

  std::size_t bytes() const { return static_cast<std::size_t>(height * width * channels); }
  /// Takes memory only when no picture before was as large. What it holds afterwards is arbitrary.
  void reshape(std::int64_t new_height, std::int64_t new_width, std::int64_t new_channels);
};

/// Bytes of a picture that somebody else keeps.
struct PictureView {
  const std::uint8_t* pixels = nullptr;
  std::int64_t channels = 0, height = 0, width = 0;
  bool planar = true;  // a plane for each channel, as data sets keep them; else as in Picture
};

/// Why a picture cannot be used: "is damaged", "is too large". Whoever knows its name puts that
/// before it.
class PictureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is asked of a file's picture.
struct PictureRule {
  std::int64_t channels = 3;                             // 1: grey, 3: red, green, blue
  std::optional<std::array<std::int64_t, 2>> size = {};  // height, width; any unless given
  bool upright = true;  // turned as EXIF's Orientation says, before its size is compared
};

/// No picture is larger than this, before or after resizing: a file of a few bytes may promise any
/// size.
constexpr std::int64_t kMaxPixels = 100'000'000, kMaxSide = 65'536;
bool is_too_large(std::int64_t height, std::int64_t width);

/// "48x64", height first.
std::string size_text(std::int64_t height, std::int64_t width);

}  // namespace dl
