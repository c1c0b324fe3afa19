#include <cassert>

#include "layers/eltwise_util.h"
#include "layers/initializer.h"
#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::inner_product_backward_data;
using dnnl::inner_product_backward_weights;
using dnnl::inner_product_forward;

struct Params {
  std::int64_t out_features = 0;
  bool bias = true;
  std::optional<InitChoice> weight_init;
  std::optional<InitChoice> bias_init;
};

ParamTable<Params> param_table() {
  return {
      required("out_features", &Params::out_features, at_least(1), "size of the last axis of dst"),
      with_default("bias", &Params::bias, "adds a learned offset per output"),
      with_default("weight_init", &Params::weight_init,
                   "how the weight starts; PyTorch's kaiming_uniform with a = sqrt(5) unless said"),
      with_default("bias_init", &Params::bias_init,
                   "how the bias starts; uniform in +-1/sqrt(in_features) unless said"),
  };
}

/// What backward needs to know of the forward pass.
struct Forward {
  inner_product_forward::primitive_desc desc;
  Value src, dst;              // (rows, in), (rows, out)
  dnnl::memory::desc weights;  // (out, in)
  std::optional<Activation> post;
};

/// dst = src weights^T + bias, over the last axis; weight (out_features, in_features).
class Linear final : public Layer {
 public:
  explicit Linear(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() != 2 && src[0].rank() != 3) {
      throw ShapeError(
          "linear needs features (N, F) or a sequence (N, T, F) but gets " + src[0].text(),
          "put a flatten layer before it");
    }
    Shape dst = src[0];
    dst[dst.rank() - 1] = params_.out_features;
    return {dst};
  }

  std::vector<WeightSpec> weights(std::span<const Shape> src) const override {
    const std::int64_t in = src[0].back();
    std::vector<WeightSpec> specs = {{"weight",
                                      {params_.out_features, in},
                                      init_or(params_.weight_init, default_weight_init())}};
    if (params_.bias) {
      specs.push_back(
          {"bias", {params_.out_features}, init_or(params_.bias_init, default_bias_init(in))});
    }
    return specs;
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Shape src_shape = srcs[0].shape();
    const Shape rows_shape{src_shape.elements() / src_shape.back(), src_shape.back()};
    const Shape dst_shape{rows_shape[0], params_.out_features};
    const Shape weights_shape{params_.out_features, src_shape.back()};
    const Value rows = reshaped(tape, srcs[0], rows_shape);

    const dnnl::memory::desc bias =
        params_.bias ? plain_desc({params_.out_features}) : dnnl::memory::desc();
    Forward forward{
        .desc = {tape.engine(), tape.prop_kind(), any_desc(rows_shape), any_desc(weights_shape),
                 bias, any_desc(dst_shape), attr_with_post(tape)},
        .src = {},
        .dst = {},
        .weights = {},
        .post = tape.post()};
    forward.src = tape.as(rows, forward.desc.src_desc());
    forward.weights = forward.desc.weights_desc();
    forward.dst = tape.value(forward.desc.dst_desc());
    Args args = {{DNNL_ARG_SRC, forward.src},
                 {DNNL_ARG_WEIGHTS, tape.weight("weight", forward.weights)},
                 {DNNL_ARG_DST, forward.dst}};
    if (params_.bias) args.emplace_back(DNNL_ARG_BIAS, tape.weight("bias"));
    tape.run(forward.desc, args);

    auto grad =
        [=, this, needs_grad = srcs[0].needs_grad](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      Value diff = reshaped(back, *diff_dst[0], dst_shape);
      diff = undo_post(back, forward.post, forward.dst, diff);
      if (back.trains("weight") || (params_.bias && back.trains("bias"))) {
        record_weight_grads(back, forward, diff);
      }
      if (!needs_grad) return {std::nullopt};
      const Value diff_rows = record_src_grad(back, forward, diff);
      return {reshaped(back, diff_rows, src_shape)};
    };
    Shape full = src_shape;
    full[full.rank() - 1] = params_.out_features;
    return {{reshaped(tape, forward.dst, full)}, grad};
  }

 private:
  /// (N, T, F) as (N * T, F), and back.
  static Value reshaped(Tape& tape, const Value& value, const Shape& shape) {
    return value.shape() == shape ? value : tape.view(tape.plain(value), plain_desc(shape));
  }

  void record_weight_grads(Tape& tape, const Forward& forward, const Value& diff_dst) const {
    const Shape weights(forward.weights.get_dims());
    const dnnl::memory::desc bias =
        params_.bias ? plain_desc({params_.out_features}) : dnnl::memory::desc();
    const inner_product_backward_weights::primitive_desc backward(
        tape.engine(), any_desc(forward.src.shape()), any_desc(weights), bias,
        any_desc(diff_dst.shape()), forward.desc, Tape::attr());
    const Value diff_weights = tape.value(backward.diff_weights_desc());
    Args args = {{DNNL_ARG_SRC, tape.as(forward.src, backward.src_desc())},
                 {DNNL_ARG_DIFF_DST, tape.as(diff_dst, backward.diff_dst_desc())},
                 {DNNL_ARG_DIFF_WEIGHTS, diff_weights}};
    if (params_.bias) {
      const Value diff_bias = tape.value(bias);
      args.emplace_back(DNNL_ARG_DIFF_BIAS, diff_bias);
      tape.add_weight_grad("bias", diff_bias);
    }
    tape.run(backward, args);
    tape.add_weight_grad("weight", diff_weights);
  }

  static Value record_src_grad(Tape& tape, const Forward& forward, const Value& diff_dst) {
    const inner_product_backward_data::primitive_desc backward(
        tape.engine(), any_desc(forward.src.shape()), any_desc(Shape(forward.weights.get_dims())),
        any_desc(diff_dst.shape()), forward.desc, Tape::attr());
    const Value diff_src = tape.value(backward.diff_src_desc());
    tape.run(backward, {{DNNL_ARG_DIFF_DST, tape.as(diff_dst, backward.diff_dst_desc())},
                        {DNNL_ARG_WEIGHTS, tape.weight("weight", backward.weights_desc())},
                        {DNNL_ARG_DIFF_SRC, diff_src}});
    return diff_src;
  }

  Params params_;
};

}  // namespace

LayerKind linear_kind() {
  LayerKind kind = make_kind<Linear>("linear", "src weight^T + bias over the last axis",
                                     one_source(), param_table());
  kind.carries = carries_as_post_op;
  return kind;
}

}  // namespace dl
