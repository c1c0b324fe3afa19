#include "layers/pool_util.h"

namespace dl {

using dnnl::pooling_backward;
using dnnl::pooling_forward;

ParamTable<PoolParams> pool_params() {
  return {
      required("kernel_size", &PoolParams::kernel_size, window_limits(), "size of the window")
          .also({"kernel", "size", "pool_size", "k"}),
      with_default("stride", &PoolParams::stride, window_limits(),
                   "step from window to window; kernel_size unless said")
          .also({"strides"}),
      with_default("padding", &PoolParams::padding, padding_limits(),
                   "added on each side, at most half of the kernel")
          .also({"pad"}),
      with_default("ceil_mode", &PoolParams::ceil_mode,
                   "a last window that the source does not fill counts too"),
  };
}

Window pool_window(const PoolParams& params, const Shape& src) {
  const Window window = place_window({.kernel = params.kernel_size,
                                      .stride = params.stride.value_or(params.kernel_size),
                                      .dilation = params.dilation,
                                      .padding = Padding(params.padding),
                                      .ceil_mode = params.ceil_mode},
                                     src);
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    if (2 * window.before[i] <= window.kernel[i]) continue;
    throw ShapeError("padding " + sizes_text(window.before) + " is more than half of kernel " +
                         sizes_text(window.kernel),
                     "put a pad layer before it");
  }
  return window;
}

Recorded record_pooling(Tape& tape, const Value& src, dnnl::algorithm algorithm,
                        const Window& window) {
  const Shape shape = src.shape();
  const pooling_forward::primitive_desc forward(
      tape.engine(), tape.prop_kind(), algorithm, src.desc,
      any_desc(window_dst(shape, shape[1], window)), window.stride, window.kernel, window.dilation,
      window.before, window.after, Tape::attr());
  const Value dst = tape.value(forward.dst_desc());
  Args args = {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}};
  std::optional<Value> workspace;  // of max pooling: where each maximum was
  if (forward.workspace_desc().get_size() > 0) {
    workspace = tape.value(forward.workspace_desc());
    args.emplace_back(DNNL_ARG_WORKSPACE, *workspace);
  }
  tape.run(forward, args);

  auto grad =
      [=](Tape& back,
          std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
    const pooling_backward::primitive_desc backward(
        back.engine(), algorithm, src.desc, dst.desc, window.stride, window.kernel, window.dilation,
        window.before, window.after, forward, Tape::attr());
    const Value diff_src = back.value(src.desc);
    Args back_args = {{DNNL_ARG_DIFF_DST, back.as(*diff_dst[0], dst.desc)},
                      {DNNL_ARG_DIFF_SRC, diff_src}};
    if (workspace) back_args.emplace_back(DNNL_ARG_WORKSPACE, *workspace);
    back.run(backward, back_args);
    return {diff_src};
  };
  return {{dst}, grad};
}

}  // namespace dl
