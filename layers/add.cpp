#include "layers/eltwise_util.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"
#include "layers/sources_util.h"

namespace dl {
namespace {

struct Params {};

/// dst = src0 + src1 + ..., all of one shape.
class Add final : public Layer {
 public:
  explicit Add(Params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_same_shapes(src);
    return {src[0]};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    std::string dst = onnx.src(0);
    for (std::size_t i = 1; i < onnx.src_count(); ++i) dst = onnx.add("Add", {dst, onnx.src(i)});
    return {dst};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const dnnl::memory::desc layout = common_layout(srcs);
    Value dst = tape.as(srcs[0], layout);
    for (std::size_t i = 1; i < srcs.size(); ++i) {
      const bool last = i + 1 == srcs.size();
      dst = record_sum(tape, dst, tape.as(srcs[i], layout),
                       last ? attr_with_post(tape) : Tape::attr());
    }
    std::vector<bool> wanted;
    for (const Value& src : srcs) wanted.push_back(src.needs_grad);

    auto grad =
        [dst, wanted, post = tape.post()](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      const Value diff = undo_post(back, post, dst, *diff_dst[0]);
      std::vector<std::optional<Value>> diff_src(wanted.size());
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i]) diff_src[i] = diff;
      }
      return diff_src;
    };
    return {{dst}, grad};
  }

 private:
  static Value record_sum(Tape& tape, const Value& a, const Value& b,
                          const dnnl::primitive_attr& attr) {
    const dnnl::binary::primitive_desc desc(tape.engine(), dnnl::algorithm::binary_add, a.desc,
                                            b.desc, a.desc, attr);
    const Value dst = tape.value(a.desc);
    tape.run(desc, {{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, b}, {DNNL_ARG_DST, dst}});
    tape.may_overwrite(dst, a);
    return dst;
  }
};

}  // namespace

LayerKind add_kind() {
  LayerKind kind = make_kind<Add>("add", "sum of two or more sources of one shape",
                                  at_least_sources(2), ParamTable<Params>{});
  kind.carries = carries_as_post_op;
  kind.others = {"sum", "residual", "plus"};
  return kind;
}

}  // namespace dl
