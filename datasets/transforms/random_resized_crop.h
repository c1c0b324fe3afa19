#pragma once

#include "datasets/images/image_buffers.h"
#include "datasets/transforms/random_box.h"

namespace dl {

/// The part of a picture, scaled to a size as if there were nothing around it. In `buffers`, valid
/// until the next call.
PictureView resized_crop(const PictureView& picture, const PictureBox& box, std::int64_t height,
                         std::int64_t width, PictureBuffers& buffers);

}  // namespace dl
