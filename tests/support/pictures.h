#pragma once

#include <string>
#include <vector>

#include "tests/support/data_files.h"

namespace dl::test {

/// Bytes from hex, as goldens hold them.
Bytes from_hex(const std::string& hex);

/// A JPEG or PNG file of a picture whose channels (1 or 3) stand side by side.
Bytes jpeg_bytes(int height, int width, int channels, const Bytes& pixels, int quality = 90);
Bytes png_bytes(int height, int width, int channels, const Bytes& pixels);

/// A colour picture that a network can learn: noise with a bright stripe whose place says the
/// label.
Bytes striped_picture(std::size_t sample, int label, int height, int width);

/// folder/<class>/0000.jpg, 0001.png, ... in turns: `per_class` striped pictures of each class.
/// `first` numbers the samples, so that two folders of a set differ.
void write_pictures(const std::string& folder, const std::vector<std::string>& classes,
                    std::size_t per_class, int height, int width, std::size_t first = 0);

}  // namespace dl::test
