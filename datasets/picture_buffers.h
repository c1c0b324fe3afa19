#pragma once

#include "datasets/resize.h"

namespace dl {

/// What a thread decodes and resizes pictures with. It keeps one for all samples, so that memory is
/// taken only while ever larger pictures turn up.
struct PictureBuffers {
  std::vector<std::uint8_t> file;  // as on the disk
  Picture decoded;
  Resizer resizer;
};

}  // namespace dl
