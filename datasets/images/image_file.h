#pragma once

#include "datasets/images/image.h"

namespace dl {

/// Decodes a JPEG or PNG file to the bytes that Pillow's open(file).convert("RGB") has, or
/// convert("L") for one channel (but grey of 16 bits loses its lower byte, where Pillow cuts it off
/// at 255), turned as its EXIF Orientation says where the rule wants that. What a file claims of
/// its size is checked before memory is taken. Throws PictureError when it is none of both,
/// damaged, cut short, or against the rule.
void decode_picture(std::span<const std::uint8_t> file, const PictureRule& rule, Picture& out);

/// Whether a file begins as JPEG or PNG files do.
bool is_picture_file(const std::string& path);

/// Reads a whole file into `out`, which grows as needed. Throws PictureError.
void read_picture_file(const std::string& path, std::vector<std::uint8_t>& out);

}  // namespace dl
