#pragma once

#include <string_view>

#include "layers/layer.h"

namespace dl {

/// Zeros around a source: a size per spatial axis, or the word `same`: as many as keep its size.
struct Padding {
  bool same = false;
  Spatial sizes;

  Padding() : sizes(0) {}
  explicit Padding(Spatial on_each_side) : sizes(std::move(on_each_side)) {}
};
template <>
struct ValueType<Padding> {
  static std::string name() { return "int or list of int or same"; }
  static Padding read(const ConfigNode&, const Limits&);
  static std::string text(const Padding& padding);
};

/// What conv and the poolings ask of the numbers of a window: small enough to multiply.
Limits window_limits();   // at least 1
Limits padding_limits();  // at least 0
/// The same for numbers of channels.
Limits channel_limits();

/// How a window slides over the spatial axes, as a config says it.
struct WindowChoice {
  Spatial kernel, stride = 1, dilation = 1;
  Padding padding = {};
  bool ceil_mode = false;
};

/// The places of a window on one source: a number for each spatial axis.
struct Window {
  dnnl::memory::dims kernel, stride;
  dnnl::memory::dims dilation;       // as oneDNN counts: 0 is a window without holes
  dnnl::memory::dims before, after;  // padding; `after` has the overhang of ceil_mode too
  dnnl::memory::dims overhang;       // of the last window over source and padding (ceil_mode)
  std::vector<std::int64_t> places;  // the spatial axes of dst

  bool overhangs() const;
};
/// Throws ShapeError when the window does not fit.
Window place_window(const WindowChoice& choice, const Shape& src);

/// (N, channels, places of the window...). Throws ShapeError when that is beyond all memory.
Shape window_dst(const Shape& src, std::int64_t channels, const Window& window);

/// Throws ShapeError unless `src` is (N, C, W) or (N, C, H, W).
void require_picture(std::string_view layer, const Shape& src);

}  // namespace dl
