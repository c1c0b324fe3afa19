#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/images/image_buffers.h"

namespace dl {

/// Reads a file and decodes it into `buffers.decoded`. Throws PictureError.
void decode_picture_file(const std::string& path, const PictureRule& rule, PictureBuffers& buffers);

/// Decodes every file once, on all threads: why each is bad, or "".
std::vector<std::string> bad_pictures(std::span<const std::string> paths, const PictureRule& rule);

/// Sentences that tell how many of a place's `total` files are left out, and why each of `bad`
/// (path and reason) is, up to 100; `asked`: what the user said to have it so. None for none.
std::vector<std::string> left_out_notes(const std::string& place, std::span<const std::string> bad,
                                        std::size_t total, std::string_view asked);

}  // namespace dl
