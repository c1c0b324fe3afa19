#pragma once

#include "layers/layer.h"

namespace dl {

/// Records `src` under another shape of as many elements, in row-major order, and its gradient,
/// which goes back in the layout of `src`.
Recorded record_view(Tape& tape, const Value& src, const Shape& shape);

}  // namespace dl
