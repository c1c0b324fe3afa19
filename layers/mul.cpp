#include "layers/onnx_writer.h"
#include "layers/part_util.h"
#include "layers/registry.h"
#include "layers/sources_util.h"

namespace dl {
namespace {

using dnnl::algorithm;
using dnnl::memory;

struct Params {};

/// One number for each channel: (N, C, 1, 1), which stands for the whole of its plane.
bool is_gate(const Shape& shape, const Shape& whole) {
  if (shape.rank() != whole.rank() || shape.spatial_rank() == 0 || shape == whole) return false;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) {
    if (shape[axis] != 1) return false;
  }
  return shape[0] == whole[0] && shape[1] == whole[1];
}

Value record_product(Tape& tape, const Value& a, const Value& b) {
  const dnnl::binary::primitive_desc desc(tape.engine(), algorithm::binary_mul, a.desc, b.desc,
                                          a.desc, Tape::attr());
  const Value dst = tape.value(a.desc);
  tape.run(desc, {{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, b}, {DNNL_ARG_DST, dst}});
  tape.may_overwrite(dst, a);
  return dst;
}

/// (N, C, H, W) summed to (N, C, 1, 1): a mean over everything times how many they are, because
/// oneDNN's pooling is fast and its reduction is not.
Value record_plane_sums(Tape& tape, const Value& src, const memory::desc& dst_desc) {
  const Shape shape = src.shape();
  const memory::dims kernel(shape.dims().begin() + 2, shape.dims().end());
  const memory::dims ones(kernel.size(), 1), zeros(kernel.size(), 0);
  dnnl::primitive_attr attr = Tape::attr();
  dnnl::post_ops ops;
  ops.append_eltwise(algorithm::eltwise_linear, static_cast<float>(Shape(kernel).elements()), 0);
  attr.set_post_ops(ops);
  const dnnl::pooling_forward::primitive_desc desc(
      tape.engine(), dnnl::prop_kind::forward_inference, algorithm::pooling_avg_exclude_padding,
      src.desc, layout_like(src.desc, Shape(dst_desc.get_dims())), ones, kernel, zeros, zeros,
      zeros, attr);
  const Value sums = tape.value(desc.dst_desc());
  tape.run(desc, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, sums}});
  return tape.as(sums, dst_desc);
}

/// dst = src0 * src1 * ..., of one shape; each but the first may be a gate.
class Mul final : public Layer {
 public:
  explicit Mul(Params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    for (std::size_t i = 1; i < src.size(); ++i) {
      if (src[i] == src[0] || is_gate(src[i], src[0])) continue;
      const bool swapped = is_gate(src[0], src[i]);
      throw SourcesDiffer("sources differ", src, {0, i},
                          swapped ? "name the one with the whole picture first" : "");
    }
    return {src[0]};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    std::string dst = onnx.src(0);
    for (std::size_t i = 1; i < onnx.src_count(); ++i) dst = onnx.add("Mul", {dst, onnx.src(i)});
    return {dst};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    std::vector<Value> whole, factors;
    for (const Value& src : srcs) {
      if (src.shape() == srcs[0].shape()) whole.push_back(src);
    }
    const memory::desc layout = common_layout(whole);
    for (const Value& src : srcs) factors.push_back(tape.as(src, layout_like(layout, src.shape())));
    std::vector<Value> products = {factors[0]};  // of the first 1, 2, ... factors
    for (std::size_t i = 1; i < factors.size(); ++i)
      products.push_back(record_product(tape, products.back(), factors[i]));

    const std::vector<Value> kept(srcs.begin(), srcs.end());
    auto grad = [factors, products, kept](Tape& back,
                                          std::span<const std::optional<Value>> diff_dst) {
      std::vector<std::optional<Value>> diff_src(factors.size());
      Value diff = back.as(*diff_dst[0], products[0].desc);  // of products[i]
      for (std::size_t i = factors.size(); i-- > 1;) {
        if (kept[i].needs_grad) diff_src[i] = factor_grad(back, products[i - 1], diff, factors[i]);
        if (i > 1 || kept[0].needs_grad) diff = record_product(back, diff, factors[i]);
      }
      if (kept[0].needs_grad) diff_src[0] = diff;
      return diff_src;
    };
    return {{products.back()}, grad};
  }

 private:
  static Value factor_grad(Tape& tape, const Value& others, const Value& diff,
                           const Value& factor) {
    const Value product = record_product(tape, others, diff);
    if (factor.shape() == product.shape()) return product;
    return record_plane_sums(tape, product, factor.desc);
  }
};

}  // namespace

LayerKind mul_kind() {
  return make_kind<Mul>(
             "mul",
             "product of two or more sources of one shape; Nx1x1 gates the channels of the first",
             at_least_sources(2), ParamTable<Params>{})
      .also({"multiply", "product"});
}

}  // namespace dl
