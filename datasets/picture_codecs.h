#pragma once

#include "datasets/picture.h"

// What picture_file.cpp is made of: a file for each library.
namespace dl {

/// Throws PictureError when a picture of this size is too large, or of another size than the rule
/// says. Decoders ask before they take memory.
void check_size(const PictureRule& rule, std::int64_t height, std::int64_t width);

/// Decodes to 1, 3 or 4 channels, as the file has them; 4 are cyan, magenta, yellow and black.
void decode_jpeg(std::span<const std::uint8_t> file, const PictureRule& rule, Picture& out);

/// Decodes to 1 or 3 channels, as the file has them, without alpha.
void decode_png(std::span<const std::uint8_t> file, const PictureRule& rule, Picture& out);

}  // namespace dl
