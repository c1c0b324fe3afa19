#include <cassert>

#include "layers/initializer.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"
#include "layers/rows_norm_util.h"

namespace dl {
namespace {

using dnnl::batch_normalization_backward;
using dnnl::batch_normalization_forward;
using dnnl::memory;
using dnnl::normalization_flags;

struct Params {
  float eps = 1e-5F;
  float momentum = 0.1F;
  bool affine = true;
  std::optional<InitChoice> weight_init;
};

ParamTable<Params> param_table() {
  return {
      with_default("eps", &Params::eps, above(0), "added to the variance").also({"epsilon"}),
      with_default("momentum", &Params::momentum, between(0, 1),
                   "share of the new batch in the running statistics"),
      with_default("affine", &Params::affine, "a learned scale and offset per channel"),
      with_default("weight_init", &Params::weight_init, "how the scale starts; ones unless said"),
  };
}

/// What backward needs to know of the forward pass.
struct Forward {
  batch_normalization_forward::primitive_desc desc;
  normalization_flags flags;
  Value src, dst, mean, variance;
  std::optional<Value> workspace;  // of a fused relu
  std::optional<RowsNorm> rows;    // with channels last: in loops of our own
};

/// (src - mean) / sqrt(variance + eps) * weight + bias, per channel: mean and (biased) variance of
/// the batch in training, running ones in evaluation and where those are frozen.
class BatchNorm final : public Layer {
 public:
  explicit BatchNorm(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() < 2 || src[0].rank() > 4) {
      throw ShapeError(
          "batch_norm needs a picture (C, H, W), a series (C, W) or features (F) but "
          "its source is " +
          src[0].text());
    }
    return {src[0]};
  }

  void check_training(std::span<const Shape> src) const override {
    if (src[0].elements() > src[0][1]) return;
    throw ShapeError("batch_norm has one value per channel to normalize in training",
                     "a larger batch, or layer_norm or group_norm in its place");
  }

  std::vector<WeightSpec> weights(std::span<const Shape> src) const override {
    const Shape channels{src[0][1]};
    std::vector<WeightSpec> specs;
    if (params_.affine) {
      specs.push_back({"weight", channels, init_or(params_.weight_init, constant_init(1))});
      specs.push_back({"bias", channels, constant_init(0)});
    }
    specs.push_back({"running_mean", channels, constant_init(0), WeightSpec::Role::statistic});
    specs.push_back({"running_var", channels, constant_init(1), WeightSpec::Role::statistic});
    return specs;
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const std::int64_t channels = onnx.src_shape(0)[1];
    const auto filled = [&](float value) {
      return onnx.constant(Shape{channels}, std::vector<float>(channels, value));
    };
    return {onnx.add("BatchNormalization",
                     {onnx.src(0), params_.affine ? onnx.weight("weight") : filled(1),
                      params_.affine ? onnx.weight("bias") : filled(0), onnx.weight("running_mean"),
                      onnx.weight("running_var")},
                     {{"epsilon", params_.eps}, {"momentum", 1 - params_.momentum}})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Forward forward = record_forward(tape, src[0]);
    if (!tape.training()) return {{forward.dst}, {}};
    if (!uses_given_statistics(tape)) record_running_statistics(tape, forward);
    auto grad = [=, this](Tape& back, std::span<const std::optional<Value>> diff_dst)
        -> std::vector<std::optional<Value>> {
      return {record_backward(back, forward, *diff_dst[0])};
    };
    return {{forward.dst}, grad};
  }

  FoldedNorm folded() const { return {.name = {}, .eps = params_.eps, .affine = params_.affine}; }

 private:
  /// Frozen ones stay what they were.
  static bool uses_given_statistics(const Tape& tape) {
    return !tape.training() || tape.is_frozen("running_mean");
  }

  normalization_flags flags(const Tape& tape) const {
    normalization_flags flags = normalization_flags::none;
    if (params_.affine) flags |= normalization_flags::use_scale | normalization_flags::use_shift;
    if (tape.post()) flags |= normalization_flags::fuse_norm_relu;
    if (uses_given_statistics(tape)) flags |= normalization_flags::use_global_stats;
    return flags;
  }

  Forward record_forward(Tape& tape, const Value& src) const {
    Forward forward{.desc = {tape.engine(), tape.prop_kind(), src.desc, src.desc, params_.eps,
                             flags(tape), Tape::attr()},
                    .flags = flags(tape),
                    .src = src,
                    .dst = {},
                    .mean = {},
                    .variance = {},
                    .workspace = {},
                    .rows = {}};
    const memory::desc per_channel = plain_desc({src.shape()[1]});
    const bool given = uses_given_statistics(tape);
    forward.mean = given ? tape.buffer("running_mean") : tape.value(per_channel);
    forward.variance = given ? tape.buffer("running_var") : tape.value(per_channel);
    if (has_channels_last(src)) {
      forward.rows = rows_norm(tape, forward);
      forward.dst = record_rows_norm(tape, *forward.rows);
    } else {
      record_primitive(tape, forward);
    }
    return forward;
  }

  RowsNorm rows_norm(Tape& tape, const Forward& forward) const {
    RowsNorm rows{.eps = params_.eps,
                  .relu = tape.post().has_value(),
                  .given_statistics = uses_given_statistics(tape),
                  .src = forward.src,
                  .mean = forward.mean,
                  .variance = forward.variance,
                  .weight = {},
                  .bias = {}};
    if (params_.affine) {
      rows.weight = tape.weight("weight");
      rows.bias = tape.weight("bias");
    }
    return rows;
  }

  void record_primitive(Tape& tape, Forward& forward) const {
    forward.dst = tape.value(forward.src.desc);
    Args args = {{DNNL_ARG_SRC, forward.src},
                 {DNNL_ARG_DST, forward.dst},
                 {DNNL_ARG_MEAN, forward.mean},
                 {DNNL_ARG_VARIANCE, forward.variance}};
    if (params_.affine) {
      args.emplace_back(DNNL_ARG_SCALE, tape.weight("weight"));
      args.emplace_back(DNNL_ARG_SHIFT, tape.weight("bias"));
    }
    if (forward.desc.workspace_desc().get_size() > 0) {
      forward.workspace = tape.value(forward.desc.workspace_desc());
      args.emplace_back(DNNL_ARG_WORKSPACE, *forward.workspace);
    }
    tape.run(forward.desc, args);
    tape.may_overwrite(forward.dst, forward.src);
  }

  /// PyTorch's: the running variance is of the unbiased kind, unlike the one that normalises.
  void record_running_statistics(Tape& tape, const Forward& forward) const {
    const Shape shape = forward.src.shape();
    const std::int64_t channels = shape[1];
    const std::int64_t count = shape.elements() / channels;
    assert(count > 1 && "check_training() has refused it");
    const float momentum = params_.momentum;
    const float unbias = static_cast<float>(count) / static_cast<float>(count - 1);
    tape.host("running statistics", {forward.mean, forward.variance},
              {tape.buffer("running_mean"), tape.buffer("running_var")}, [=](const HostArgs& args) {
                const auto average = [=](float* running, const float* batch, float factor) {
                  for (std::int64_t c = 0; c < channels; ++c)
                    running[c] = (1 - momentum) * running[c] + momentum * factor * batch[c];
                };
                average(args.dst<float>(0), args.src<float>(0), 1);
                average(args.dst<float>(1), args.src<float>(1), unbias);
              });
  }

  Value record_backward(Tape& tape, const Forward& forward, const Value& diff_dst) const {
    const memory::desc& layout = forward.src.desc;
    if (forward.rows) {
      const RowsNormGradients diff =
          record_rows_norm_backward(tape, *forward.rows, tape.as(diff_dst, layout));
      if (params_.affine) {
        tape.add_weight_grad("weight", diff.weight);
        tape.add_weight_grad("bias", diff.bias);
      }
      return diff.src;
    }
    const batch_normalization_backward::primitive_desc backward(
        tape.engine(), params_.affine ? dnnl::prop_kind::backward : dnnl::prop_kind::backward_data,
        layout, layout, layout, params_.eps, forward.flags, forward.desc, Tape::attr());
    const Value diff = tape.as(diff_dst, layout);
    const Value diff_src = tape.value(layout);
    Args args = {{DNNL_ARG_SRC, forward.src},
                 {DNNL_ARG_MEAN, forward.mean},
                 {DNNL_ARG_VARIANCE, forward.variance},
                 {DNNL_ARG_DIFF_DST, diff},
                 {DNNL_ARG_DIFF_SRC, diff_src}};
    if (forward.workspace) args.emplace_back(DNNL_ARG_WORKSPACE, *forward.workspace);
    if (params_.affine) {  // oneDNN wants the gradients' places even where the weights are frozen
      args.emplace_back(DNNL_ARG_SCALE, tape.weight("weight"));
      const Value diff_scale = tape.value(plain_desc({layout.get_dims()[1]}));
      const Value diff_shift = tape.value(plain_desc({layout.get_dims()[1]}));
      args.emplace_back(DNNL_ARG_DIFF_SCALE, diff_scale);
      args.emplace_back(DNNL_ARG_DIFF_SHIFT, diff_shift);
      tape.add_weight_grad("weight", diff_scale);
      tape.add_weight_grad("bias", diff_shift);
    }
    tape.run(backward, args);
    tape.may_overwrite(diff_src, diff);
    return diff_src;
  }

  Params params_;
};

/// fuse_norm_relu is plain relu and nothing else.
bool carries_relu(const Activation& activation, bool /*training*/) {
  return activation.algorithm == dnnl::algorithm::eltwise_relu && activation.alpha == 0;
}

}  // namespace

LayerKind batch_norm_kind() {
  LayerKind kind =
      make_kind<BatchNorm>("batch_norm", "normalises each channel over the batch, learns its scale",
                           one_source(), param_table());
  kind.carries = carries_relu;
  kind.reads_channels = true;
  kind.norm = [](const Layer& layer) { return static_cast<const BatchNorm&>(layer).folded(); };
  kind.others = {"bn", "batch_normalization"};
  return kind;
}

}  // namespace dl
