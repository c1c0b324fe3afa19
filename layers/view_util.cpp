#include "layers/view_util.h"

namespace dl {

Recorded record_view(Tape& tape, const Value& src, const Shape& shape) {
  auto grad = [desc = src.desc](Tape& back, std::span<const std::optional<Value>> diff_dst)
      -> std::vector<std::optional<Value>> {
    const Shape src_shape(desc.get_dims());
    if (diff_dst[0]->shape() == src_shape) return {*diff_dst[0]};
    const Value diff = back.view(back.plain(*diff_dst[0]), plain_desc(src_shape));
    return {back.as(diff, desc)};
  };
  if (src.shape() == shape) return {{src}, grad};
  return {{tape.view(tape.plain(src), plain_desc(shape, src.desc.get_data_type()))}, grad};
}

}  // namespace dl
