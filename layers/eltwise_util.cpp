#include "layers/eltwise_util.h"

#include "layers/onnx_util.h"
#include "layers/part_util.h"

namespace dl {
namespace {

using dnnl::algorithm;

std::optional<algorithm> from_dst(const Activation& activation) {
  switch (activation.algorithm) {
    case algorithm::eltwise_relu:
      if (activation.alpha < 0) return std::nullopt;
      return algorithm::eltwise_relu_use_dst_for_bwd;
    case algorithm::eltwise_elu:
      if (activation.alpha < 0) return std::nullopt;
      return algorithm::eltwise_elu_use_dst_for_bwd;
    case algorithm::eltwise_tanh:
      return algorithm::eltwise_tanh_use_dst_for_bwd;
    case algorithm::eltwise_logistic:
      return algorithm::eltwise_logistic_use_dst_for_bwd;
    default:
      return std::nullopt;
  }
}

bool is_reference(const dnnl::primitive_desc_base& desc) {
  return std::string_view(desc.impl_info_str()).starts_with("ref");
}

dnnl::eltwise_forward::primitive_desc forward_desc(const Tape& tape, algorithm how,
                                                   const Activation& activation,
                                                   const dnnl::memory::desc& layout) {
  return {tape.engine(),    tape.prop_kind(), how,         layout, layout,
          activation.alpha, activation.beta,  Tape::attr()};
}

dnnl::eltwise_backward::primitive_desc backward_desc(const Tape& tape, algorithm how,
                                                     const Activation& activation,
                                                     const dnnl::memory::desc& layout) {
  return {tape.engine(),   how,
          layout,          layout,
          layout,          activation.alpha,
          activation.beta, forward_desc(tape, how, activation, layout),
          Tape::attr()};
}

/// `data` is dst for the algorithms that use it, src for the others. Where oneDNN has only its
/// reference implementation (functions that are not 0 at 0, in blocks that channels do not fill),
/// the work is done with channels last.
Value eltwise_grad(Tape& tape, const Activation& activation, algorithm how, const Value& data,
                   const Value& diff_dst) {
  auto backward = backward_desc(tape, how, activation, data.desc);
  if (is_reference(backward))
    backward = backward_desc(tape, how, activation, channels_last(data.shape()));
  const dnnl::memory::desc layout = backward.diff_src_desc();
  const Value diff = tape.as(diff_dst, layout);
  const Value diff_src = tape.value(layout);
  const bool uses_dst = how != activation.algorithm;
  tape.run(backward, {{uses_dst ? DNNL_ARG_DST : DNNL_ARG_SRC, tape.as(data, layout)},
                      {DNNL_ARG_DIFF_DST, diff},
                      {DNNL_ARG_DIFF_SRC, diff_src}});
  tape.may_overwrite(diff_src, diff);
  return diff_src;
}

bool is_identity(const Activation& activation) {
  return activation.algorithm == algorithm::eltwise_linear && activation.alpha == 1 &&
         activation.beta == 0;
}

class PlainActivation final : public Layer {
 public:
  explicit PlainActivation(Activation activation) : activation_(activation) {}
  const Activation& activation() const { return activation_; }
  std::vector<Shape> infer(std::span<const Shape> src) const override { return {src[0]}; }
  Recorded record(Tape& tape, std::span<const Value> src) const override {
    return record_eltwise(tape, src[0], activation_);
  }

 private:
  Activation activation_;
};

}  // namespace

Recorded record_eltwise(Tape& tape, const Value& given, const Activation& activation) {
  if (is_identity(activation)) {
    return {{given},
            [](Tape&, std::span<const std::optional<Value>> diff_dst)
                -> std::vector<std::optional<Value>> { return {*diff_dst[0]}; }};
  }
  auto forward = forward_desc(tape, activation.algorithm, activation, given.desc);
  if (is_reference(forward))
    forward = forward_desc(tape, activation.algorithm, activation, channels_last(given.shape()));
  const Value src = tape.as(given, forward.src_desc());
  const Value dst = tape.value(src.desc);
  tape.run(forward, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}});
  tape.may_overwrite(dst, src);

  auto grad =
      [=](Tape& back,
          std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
    const auto how = from_dst(activation);
    return {eltwise_grad(back, activation, how.value_or(activation.algorithm), how ? dst : src,
                         *diff_dst[0])};
  };
  return {{dst}, grad};
}

bool differentiable_from_dst(const Activation& activation) {
  return from_dst(activation).has_value();
}

dnnl::primitive_attr attr_with_post(const Tape& tape) {
  dnnl::primitive_attr attr = Tape::attr();
  if (const auto& post = tape.post()) {
    dnnl::post_ops ops;
    ops.append_eltwise(post->algorithm, post->alpha, post->beta);
    attr.set_post_ops(ops);
  }
  return attr;
}

Value undo_post(Tape& tape, const std::optional<Activation>& post, const Value& dst,
                const Value& diff_dst) {
  if (!post) return diff_dst;
  return eltwise_grad(tape, *post, *from_dst(*post), dst, diff_dst);
}

bool carries_as_post_op(const Activation& activation, bool training) {
  return !training || differentiable_from_dst(activation);
}

std::unique_ptr<Layer> make_activation(const Activation& activation) {
  return std::make_unique<PlainActivation>(activation);
}

Activation activation_of(const Layer& layer) {
  return static_cast<const PlainActivation&>(layer).activation();
}

std::vector<std::string> activation_to_onnx(const Layer& layer, OnnxWriter& onnx) {
  return {write_activation(onnx, onnx.src(0), activation_of(layer))};
}

LayerKind plain_activation(std::string_view name, std::string_view summary, Activation activation) {
  LayerKind kind{name, summary, one_source(), {}, [=](const ConfigNode& params) {
                   read_params(params, ParamTable<Activation>{});
                   return make_activation(activation);
                 }};
  kind.activation = activation_of;
  kind.to_onnx = activation_to_onnx;
  return kind;
}

}  // namespace dl
