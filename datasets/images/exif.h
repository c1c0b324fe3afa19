#pragma once

#include <cstdint>
#include <span>

#include "datasets/images/image.h"

namespace dl {

/// How the image of a JPEG or PNG file must be turned to stand upright: EXIF's Orientation, 1 (not
/// at all) to 8. 1 where the file says nothing, nothing that makes sense, or is damaged.
int exif_orientation(std::span<const std::uint8_t> file);

/// Whether height and width change places.
inline bool lies_on_its_side(int orientation) { return orientation >= 5; }

/// Turns and mirrors an image as Pillow's ImageOps.exif_transpose does.
void turn_upright(Picture& image, int orientation);

}  // namespace dl
