#pragma once

#include "datasets/transforms/transform.h"

// The kinds of transforms that have a file of their own; transforms.cpp has the others and the
// list.
namespace dl {

TransformKind color_jitter_kind();
TransformKind cutmix_kind();
TransformKind mixup_kind();
TransformKind random_erasing_kind();
TransformKind random_resized_crop_kind();

}  // namespace dl
