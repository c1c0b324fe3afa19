#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::algorithm;
using dnnl::softmax_backward;
using dnnl::softmax_forward;

struct Params {
  bool log = false;
};

ParamTable<Params> param_table() {
  return {with_default("log", &Params::log, "the logarithm of it, computed without overflow")};
}

/// exp(src) / sum(exp(src)) over the last axis.
class Softmax final : public Layer {
 public:
  explicit Softmax(Params params)
      : how_(params.log ? algorithm::softmax_log : algorithm::softmax_accurate) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() < 2) throw ShapeError("softmax needs an axis of classes but gets one value");
    return {src[0]};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Value src = tape.plain(srcs[0]);
    const int axis = static_cast<int>(src.shape().rank()) - 1;
    const softmax_forward::primitive_desc forward(tape.engine(), tape.prop_kind(), how_, src.desc,
                                                  src.desc, axis, Tape::attr());
    const Value dst = tape.value(src.desc);
    tape.run(forward, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}});
    tape.may_overwrite(dst, src);

    auto grad =
        [dst, forward, axis, how = how_](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      const softmax_backward::primitive_desc backward(back.engine(), how, dst.desc, dst.desc,
                                                      dst.desc, axis, forward, Tape::attr());
      const Value diff = back.plain(*diff_dst[0]);
      const Value diff_src = back.value(dst.desc);
      back.run(backward,
               {{DNNL_ARG_DST, dst}, {DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_DIFF_SRC, diff_src}});
      back.may_overwrite(diff_src, diff);
      return {diff_src};
    };
    return {{dst}, grad};
  }

 private:
  algorithm how_;
};

}  // namespace

LayerKind softmax_kind() {
  return make_kind<Softmax>(
      "softmax", "probabilities from scores, over the last axis; cross_entropy has its own",
      one_source(), param_table());
}

}  // namespace dl
