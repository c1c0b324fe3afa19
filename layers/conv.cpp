#include "layers/eltwise_util.h"
#include "layers/fold_util.h"
#include "layers/initializer.h"
#include "layers/onnx_util.h"
#include "layers/part_util.h"
#include "layers/registry.h"
#include "layers/window_util.h"

namespace dl {
namespace {

using dnnl::convolution_backward_data;
using dnnl::convolution_backward_weights;
using dnnl::convolution_forward;
using dnnl::memory;

constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

struct Params {
  std::int64_t out_channels = 0;
  Spatial kernel_size;
  Spatial stride = 1;
  Padding padding;
  Spatial dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  std::optional<InitChoice> weight_init;
  std::optional<InitChoice> bias_init;

  WindowChoice window() const {
    return {.kernel = kernel_size, .stride = stride, .dilation = dilation, .padding = padding};
  }
};

ParamTable<Params> param_table() {
  return {
      required("out_channels", &Params::out_channels, channel_limits(), "channels of dst")
          .also({"filters", "num_filters", "channels", "num_output"}),
      required("kernel_size", &Params::kernel_size, window_limits(), "size of the window")
          .also({"kernel", "size", "pool_size", "k"}),
      with_default("stride", &Params::stride, window_limits(), "step from window to window")
          .also({"strides"}),
      with_default("padding", &Params::padding, padding_limits(),
                   "zeros on each side; `same` keeps the size of the source (stride 1)")
          .also({"pad"}),
      with_default("dilation", &Params::dilation, window_limits(),
                   "distance between the window's points")
          .also({"dilation_rate"}),
      with_default("groups", &Params::groups, channel_limits(),
                   "cuts the channels into groups that do not see each other"),
      with_default("bias", &Params::bias, "adds a learned offset per channel").also({"use_bias"}),
      with_default("weight_init", &Params::weight_init,
                   "how the weight starts; PyTorch's kaiming_uniform with a = sqrt(5) unless said"),
      with_default("bias_init", &Params::bias_init,
                   "how the bias starts; uniform in +-1/sqrt(fan_in) unless said"),
  };
}

/// The layouts in which a convolution is asked for; its weights' is always the primitive's choice.
struct Layouts {
  memory::desc src, dst;
};

/// What backward needs to know of the forward pass.
struct Forward {
  convolution_forward::primitive_desc desc;
  Layouts layouts;
  Window window;
  Value src, dst;
  Shape weight;  // (O, I/groups, kernel...), with the groups before it where there are any
  memory::desc bias;
  std::optional<Activation> post;
};

/// How many times the work grows by the channels that pad a layout's blocks.
double padding_factor(const memory::desc& desc) {
  return static_cast<double>(desc.get_padded_dims()[1]) / static_cast<double>(desc.get_dims()[1]);
}

/// Cross-correlation over one or two spatial axes; weight (out_channels, C / groups, kernel...).
class Conv final : public Layer {
 public:
  explicit Conv(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_picture("conv", src[0]);
    require_groups("the source's channels", src[0][1]);
    require_groups("out_channels", params_.out_channels);
    const Window window = place_window(params_.window(), src[0]);
    require_size("a weight", weight_shape(src[0]).dims());
    return {window_dst(src[0], params_.out_channels, window)};
  }

  std::vector<WeightSpec> weights(std::span<const Shape> src) const override {
    const Shape shape = weight_shape(src[0]);
    const std::int64_t fan_in = shape.elements() / shape[0];
    std::vector<WeightSpec> specs = {
        {"weight", shape, init_or(params_.weight_init, default_weight_init())}};
    if (params_.bias)
      specs.push_back({"bias", {shape[0]}, init_or(params_.bias_init, default_bias_init(fan_in))});
    return specs;
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    OnnxAttributes attributes =
        window_attributes(place_window(params_.window(), onnx.src_shape(0)));
    attributes.emplace_back("group", params_.groups);
    std::vector<std::string> inputs = {onnx.src(0), onnx.weight("weight")};
    if (params_.bias) inputs.push_back(onnx.weight("bias"));
    return {onnx.add("Conv", std::move(inputs), std::move(attributes))};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Forward forward = record_forward(tape, src[0]);
    auto grad =
        [=, this, needs_grad = src[0].needs_grad](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      const Value diff = undo_post(back, forward.post, forward.dst, *diff_dst[0]);
      if (back.trains("weight") || (params_.bias && back.trains("bias")))
        record_weight_grads(back, forward, diff);
      if (!needs_grad) return {std::nullopt};
      return {record_src_grad(back, forward, diff)};
    };
    return {{forward.dst}, grad};
  }

 private:
  void require_groups(const std::string& what, std::int64_t channels) const {
    if (channels % params_.groups == 0) return;
    throw ShapeError(what + " (" + std::to_string(channels) + ") cannot be cut into " +
                     std::to_string(params_.groups) + " groups");
  }

  Shape weight_shape(const Shape& src) const {
    std::vector<std::int64_t> dims = params_.kernel_size.expand(src.spatial_rank(), "kernel_size");
    dims.insert(dims.begin(), {params_.out_channels, src[1] / params_.groups});
    return Shape(dims);
  }

  /// As oneDNN wants the weight of a grouped convolution: (G, O/G, I/G, kernel...).
  Shape grouped(const Shape& weight) const {
    if (params_.groups == 1) return weight;
    std::vector<std::int64_t> dims = weight.dims();
    dims[0] /= params_.groups;
    dims.insert(dims.begin(), params_.groups);
    return Shape(dims);
  }

  /// Channels that do not fill the blocks of the primitive's own layout are computed with what pads
  /// them; with channels last there are no blocks, but a source in blocks must be brought there and
  /// its gradient back. A matter of shapes alone, so that it is decided alike in every run.
  static bool pays_to_put_channels_last(const memory::desc& src,
                                        const convolution_forward::primitive_desc& desc,
                                        const Shape& weight) {
    constexpr double kFlopsPerMove = 64;  // that take as long as moving an element does
    const Shape shape(src.get_dims()), dst(desc.dst_desc().get_dims());
    const std::int64_t places = dst.elements() / dst[1];
    const double flops = 2.0 * static_cast<double>(weight.elements()) * static_cast<double>(places);
    const double padding = padding_factor(desc.src_desc()) * padding_factor(desc.dst_desc());
    const auto moves = [&](const memory::desc& wanted) {
      return wanted == src ? 0.0 : 2.0 * static_cast<double>(shape.elements());
    };
    const double gain = 3 * flops * (padding - 1);  // forward, backward data and weights
    const double loss = moves(channels_last(shape)) - moves(desc.src_desc());
    return gain > kFlopsPerMove * loss;
  }

  /// The primitive, asked for in the layouts that are cheapest for a source like `src`.
  Forward describe(const Tape& tape, const Value& src) const {
    const Shape shape = src.shape();
    Forward forward{
        .desc = {},
        .layouts = {},
        .window = place_window(params_.window(), shape),
        .src = {},
        .dst = {},
        .weight = grouped(weight_shape(shape)),
        .bias = params_.bias || tape.norm() ? plain_desc({params_.out_channels}) : memory::desc(),
        .post = tape.post()};
    const Window& window = forward.window;
    const auto ask_for = [&](Layouts layouts) {
      forward.desc = {tape.engine(),
                      tape.prop_kind(),
                      kAlgorithm,
                      layouts.src,
                      any_desc(forward.weight),
                      forward.bias,
                      layouts.dst,
                      window.stride,
                      window.dilation,
                      window.before,
                      window.after,
                      attr_with_post(tape)};
      forward.layouts = std::move(layouts);
    };
    const Shape dst = window_dst(shape, params_.out_channels, window);
    ask_for({any_desc(shape), any_desc(dst)});
    if (pays_to_put_channels_last(src.desc, forward.desc, weight_shape(shape)))
      ask_for({channels_last(shape), channels_last(dst)});
    return forward;
  }

  Forward record_forward(Tape& tape, const Value& src) const {
    Forward forward = describe(tape, src);
    forward.src = tape.as(src, forward.desc.src_desc());
    forward.dst = tape.value(forward.desc.dst_desc());
    Args args = {{DNNL_ARG_SRC, forward.src}, {DNNL_ARG_DST, forward.dst}};
    const memory::desc weights = forward.desc.weights_desc();
    if (tape.norm()) {
      const FoldedWeights folded = record_folded_weights(tape, params_.bias);
      const Value weight = tape.view(folded.weight, plain_desc(forward.weight));
      args.emplace_back(DNNL_ARG_WEIGHTS, tape.weight_as(weight, weights));
      args.emplace_back(DNNL_ARG_BIAS, folded.bias);
    } else {
      args.emplace_back(DNNL_ARG_WEIGHTS, tape.weight("weight", weights));
      if (params_.bias) args.emplace_back(DNNL_ARG_BIAS, tape.weight("bias"));
    }
    tape.run(forward.desc, args);
    return forward;
  }

  void record_weight_grads(Tape& tape, const Forward& forward, const Value& diff_dst) const {
    const Window& window = forward.window;
    const convolution_backward_weights::primitive_desc backward(
        tape.engine(), kAlgorithm, forward.layouts.src, any_desc(forward.weight), forward.bias,
        forward.layouts.dst, window.stride, window.dilation, window.before, window.after,
        forward.desc, Tape::attr());
    const Value diff_weights = tape.value(backward.diff_weights_desc());
    Args args = {{DNNL_ARG_SRC, tape.as(forward.src, backward.src_desc())},
                 {DNNL_ARG_DIFF_DST, tape.as(diff_dst, backward.diff_dst_desc())},
                 {DNNL_ARG_DIFF_WEIGHTS, diff_weights}};
    if (params_.bias) {
      const Value diff_bias = tape.value(forward.bias);
      args.emplace_back(DNNL_ARG_DIFF_BIAS, diff_bias);
      tape.add_weight_grad("bias", diff_bias);
    }
    tape.run(backward, args);
    tape.add_weight_grad("weight", diff_weights);
  }

  static Value record_src_grad(Tape& tape, const Forward& forward, const Value& diff_dst) {
    const Window& window = forward.window;
    const convolution_backward_data::primitive_desc backward(
        tape.engine(), kAlgorithm, forward.layouts.src, any_desc(forward.weight),
        forward.layouts.dst, window.stride, window.dilation, window.before, window.after,
        forward.desc, Tape::attr());
    const Value diff_src = tape.value(backward.diff_src_desc());
    tape.run(backward, {{DNNL_ARG_DIFF_DST, tape.as(diff_dst, backward.diff_dst_desc())},
                        {DNNL_ARG_WEIGHTS, tape.weight("weight", backward.weights_desc())},
                        {DNNL_ARG_DIFF_SRC, diff_src}});
    return diff_src;
  }

  Params params_;
};

}  // namespace

LayerKind conv_kind() {
  LayerKind kind =
      make_kind<Conv>("conv", "convolution over the spatial axes of (C, W) or (C, H, W)",
                      one_source(), param_table());
  kind.carries = carries_as_post_op;
  kind.folds_norm = true;
  kind.units = LayerKind::Units::channels;
  kind.reads_channels = true;
  kind.others = {"convolution"};
  return kind;
}

}  // namespace dl
