#include "layers/sources_util.h"

namespace dl {
namespace {

/// By how much each spatial axis of `small` is smaller, where that is one whole number; else 0.
std::int64_t stride_between(const Shape& large, const Shape& small) {
  std::int64_t stride = 0;
  for (std::size_t axis = 2; axis < large.rank(); ++axis) {
    // A 1x1 convolution of that stride rounds up.
    if (small[axis] <= 0 || large[axis] < small[axis]) return 0;
    const std::int64_t ratio = (large[axis] + small[axis] - 1) / small[axis];
    if ((large[axis] + ratio - 1) / ratio != small[axis]) return 0;
    if (stride != 0 && ratio != stride) return 0;
    stride = ratio;
  }
  return stride;
}

std::string shortcut_hint(const Shape& main, const Shape& shortcut) {
  if (main.rank() != shortcut.rank() || main.spatial_rank() == 0) return "";
  const std::int64_t stride = stride_between(shortcut, main);
  if (stride == 0) return "";
  std::string hint =
      "project the shortcut with a 1x1 conv of " + std::to_string(main[1]) + " channels";
  if (stride > 1) hint += " and stride " + std::to_string(stride);
  return hint;
}

}  // namespace

void require_same_shapes(std::span<const Shape> src) {
  for (std::size_t i = 1; i < src.size(); ++i) {
    if (src[i] == src[0]) continue;
    throw SourcesDiffer("sources differ", src, {0, i}, shortcut_hint(src[0], src[i]));
  }
}

bool has_own_layout(const dnnl::memory::desc& desc) {
  return desc != plain_desc(Shape(desc.get_dims()), desc.get_data_type());
}

dnnl::memory::desc common_layout(std::span<const Value> src) {
  for (const Value& value : src) {
    if (has_own_layout(value.desc)) return value.desc;
  }
  return src[0].desc;
}

}  // namespace dl
