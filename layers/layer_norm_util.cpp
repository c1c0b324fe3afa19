#include "layers/layer_norm_util.h"

namespace dl {

using dnnl::layer_normalization_backward;
using dnnl::layer_normalization_forward;
using dnnl::memory;
using dnnl::normalization_flags;

namespace {

constexpr std::int64_t kMostInRow = 1 << 22;

normalization_flags flags_of(bool affine) {
  return affine ? normalization_flags::use_scale | normalization_flags::use_shift
                : normalization_flags::none;
}

}  // namespace

void require_row(std::string_view layer, std::int64_t size) {
  if (size <= kMostInRow) return;
  throw ShapeError(std::string(layer) + " would normalize rows of " + std::to_string(size) +
                       " numbers, and takes at most " + std::to_string(kMostInRow),
                   "put a layer before it that makes the source smaller");
}

RowNorm record_row_norm(Tape& tape, const Value& src, float eps, bool affine) {
  const Shape shape = src.shape();
  const memory::desc row = plain_desc({shape[1]});
  RowNorm forward{.desc = {tape.engine(), tape.prop_kind(), src.desc, src.desc,
                           plain_desc({shape[0]}), eps, flags_of(affine), Tape::attr()},
                  .src = src,
                  .dst = tape.value(src.desc),
                  .mean = {},
                  .variance = {},
                  .eps = eps,
                  .affine = affine};
  Args args = {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, forward.dst}};
  if (tape.training()) {
    forward.mean = tape.value(forward.desc.mean_desc());
    forward.variance = tape.value(forward.desc.variance_desc());
    args.emplace_back(DNNL_ARG_MEAN, *forward.mean);
    args.emplace_back(DNNL_ARG_VARIANCE, *forward.variance);
  }
  if (affine) {
    args.emplace_back(DNNL_ARG_SCALE, tape.weight("weight", row));
    args.emplace_back(DNNL_ARG_SHIFT, tape.weight("bias", row));
  }
  tape.run(forward.desc, args);
  tape.may_overwrite(forward.dst, src);
  return forward;
}

Value record_row_norm_grad(Tape& tape, const RowNorm& forward, const Value& diff_dst) {
  const memory::desc row = plain_desc({forward.src.shape()[1]});
  const memory::desc& layout = forward.src.desc;
  const layer_normalization_backward::primitive_desc backward(
      tape.engine(), forward.affine ? dnnl::prop_kind::backward : dnnl::prop_kind::backward_data,
      layout, layout, layout, forward.desc.mean_desc(), forward.eps, flags_of(forward.affine),
      forward.desc, Tape::attr());
  const Value diff_src = tape.value(layout);
  Args args = {{DNNL_ARG_SRC, forward.src},
               {DNNL_ARG_DIFF_DST, diff_dst},
               {DNNL_ARG_MEAN, *forward.mean},
               {DNNL_ARG_VARIANCE, *forward.variance},
               {DNNL_ARG_DIFF_SRC, diff_src}};
  // oneDNN wants the gradients' places even where the weights are frozen, and unlike batch norm's
  // this backward pass asks for the shift too.
  if (forward.affine) {
    args.emplace_back(DNNL_ARG_SCALE, tape.weight("weight", row));
    args.emplace_back(DNNL_ARG_SHIFT, tape.weight("bias", row));
    const Value diff_scale = tape.value(row), diff_shift = tape.value(row);
    args.emplace_back(DNNL_ARG_DIFF_SCALE, diff_scale);
    args.emplace_back(DNNL_ARG_DIFF_SHIFT, diff_shift);
    tape.add_weight_grad("weight", diff_scale);
    tape.add_weight_grad("bias", diff_shift);
  }
  tape.run(backward, args);
  tape.may_overwrite(diff_src, diff_dst);
  return diff_src;
}

Value reshaped(Tape& tape, const Value& value, const Shape& shape) {
  if (value.desc == plain_desc(shape)) return value;
  return tape.view(tape.plain(value), plain_desc(shape));
}

}  // namespace dl
