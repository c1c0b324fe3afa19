#include "layers/window_util.h"

#include <algorithm>

namespace dl {
namespace {

std::string padding_text(const Padding& padding) {
  return padding.same ? "same" : sizes_text(padding.sizes.sizes);
}

/// One axis of a Window.
struct Axis {
  std::int64_t before = 0, after = 0, overhang = 0, places = 0;
};

/// PyTorch's pooling_output_shape; `reach` is the kernel with its holes.
Axis place_on_axis(std::int64_t src, std::int64_t reach, std::int64_t stride, std::int64_t padding,
                   bool ceil_mode) {
  Axis axis{.before = padding, .after = padding};
  const std::int64_t room = src + 2 * padding - reach;
  // With ceil_mode the one window may itself be cut off.
  if (room < 0 && (!ceil_mode || room + stride <= 0)) return axis;
  axis.places = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  // A last window that is cut off counts if it starts in the source or in the padding before it.
  if (ceil_mode && (axis.places - 1) * stride >= src + padding) --axis.places;
  axis.overhang = std::max<std::int64_t>(0, (axis.places - 1) * stride - room);
  axis.after += axis.overhang;
  return axis;
}

}  // namespace

Padding ValueType<Padding>::read(const ConfigNode& node, const Limits& limits) {
  Padding padding;
  padding.same = node.is_scalar() && node.text() == "same";
  if (!padding.same) padding.sizes = ValueType<Spatial>::read(node, limits);
  return padding;
}

std::string ValueType<Padding>::text(const Padding& padding) {
  return padding.same ? "same" : ValueType<Spatial>::text(padding.sizes);
}

Limits window_limits() { return between(1, 1 << 16); }
Limits padding_limits() { return between(0, 1 << 16); }
Limits channel_limits() { return between(1, 1 << 24); }

bool Window::overhangs() const {
  return std::any_of(overhang.begin(), overhang.end(), [](std::int64_t size) { return size > 0; });
}

Window place_window(const WindowChoice& choice, const Shape& src) {
  const std::size_t rank = src.spatial_rank();
  Window window;
  window.kernel = choice.kernel.expand(rank, "kernel_size");
  window.stride = choice.stride.expand(rank, "stride");
  window.dilation = choice.dilation.expand(rank, "dilation");
  const std::vector<std::int64_t> padding = choice.padding.sizes.expand(rank, "padding");
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    Axis axis = place_on_axis(src[i + 2], reach, window.stride[i], padding[i], choice.ceil_mode);
    if (choice.padding.same) {
      if (window.stride[i] != 1) throw ShapeError("padding same needs stride 1");
      axis.before = (reach - 1) / 2;
      axis.after = reach - 1 - axis.before;
      axis.places = src[i + 2];
    }
    if (axis.places < 1) {
      std::string message = "kernel " + sizes_text(window.kernel);
      if (reach > window.kernel[i]) message += " dilated by " + sizes_text(window.dilation);
      throw ShapeError(message + " does not fit source " + src.text() + " with padding " +
                       padding_text(choice.padding));
    }
    window.before.push_back(axis.before);
    window.after.push_back(axis.after);
    window.overhang.push_back(axis.overhang);
    window.places.push_back(axis.places);
  }
  for (std::int64_t& dilation : window.dilation) --dilation;
  return window;
}

Shape window_dst(const Shape& src, std::int64_t channels, const Window& window) {
  std::vector<std::int64_t> dims = {src[0], channels};
  dims.insert(dims.end(), window.places.begin(), window.places.end());
  require_size("a result", dims);
  return Shape(dims);
}

void require_picture(std::string_view layer, const Shape& src) {
  if (src.rank() == 3 || src.rank() == 4) return;
  throw ShapeError(std::string(layer) +
                       " needs a picture (C, H, W) or a series (C, W) but its source is " +
                       src.text(),
                   "put a reshape layer before it");
}

}  // namespace dl
