#pragma once

#include "layers/layer.h"

namespace dl {

/// The layout of `like` (blocked, channels last) for another shape; row-major where it is none of
/// those.
dnnl::memory::desc layout_like(const dnnl::memory::desc& like, const Shape& shape);

/// Channels last, for pictures and series; row-major for others.
dnnl::memory::desc channels_last(const Shape& shape);

/// A box within a tensor: its sizes, and where it begins.
struct Box {
  Shape shape;
  dnnl::memory::dims offsets;
};

/// A copy of a box of `src`, laid out as `dst`.
Value record_cut(Tape& tape, const Value& src, const Box& box, const dnnl::memory::desc& dst);

/// A tensor laid out as `dst` that is `fill` but for the box, which is `src`.
Value record_place(Tape& tape, const Value& src, const Box& box, const dnnl::memory::desc& dst,
                   float fill = 0);

}  // namespace dl
