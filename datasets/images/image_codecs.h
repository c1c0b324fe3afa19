#pragma once

#include "datasets/images/image.h"

// What picture_file.cpp is made of: a file for each library.
namespace dl {

/// What a decoder needs to know of the rule before it takes memory.
struct SizeCheck {
  const PictureRule& rule;
  bool sideways = false;  // the image will be turned on its side

  /// Throws PictureError when an image of this size is too large, or of another size than the rule
  /// says.
  void operator()(std::int64_t height, std::int64_t width) const;
};

/// Decodes to 1, 3 or 4 channels, as the file has them; 4 are cyan, magenta, yellow and black.
void decode_jpeg(std::span<const std::uint8_t> file, const SizeCheck& check_size, Picture& out);

/// Decodes to 1 or 3 channels, as the file has them, without alpha.
void decode_png(std::span<const std::uint8_t> file, const SizeCheck& check_size, Picture& out);

}  // namespace dl
