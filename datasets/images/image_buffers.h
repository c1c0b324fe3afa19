#pragma once

#include "datasets/images/resize.h"

namespace dl {

/// What a thread decodes and changes pictures with. It keeps one for all samples, so that memory is
/// taken only while ever larger pictures turn up.
struct PictureBuffers {
  std::vector<std::uint8_t> file;  // as on the disk
  Picture decoded;
  Resizer resizer;
  std::vector<std::uint8_t> window;  // what crops and flips have left, before pixels are changed
  std::vector<std::uint8_t> piece, jittered;  // of random_resized_crop, of color_jitter
  Resizer piece_resizer;
};

}  // namespace dl
