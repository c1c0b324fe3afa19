#include "layers/initializer.h"
#include "layers/layer_norm_util.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  std::int64_t axes = 1;
  float eps = 1e-5F;
  bool affine = true;
};

ParamTable<Params> param_table() {
  return {
      with_default("axes", &Params::axes, between(1, 3),
                   "how many of the last axes are normalised together"),
      with_default("eps", &Params::eps, above(0), "added to the variance"),
      with_default("affine", &Params::affine, "a learned scale and offset per normalised value"),
  };
}

/// (src - mean) / sqrt(variance + eps) * weight + bias, over the last axes of each sample.
class LayerNorm final : public Layer {
 public:
  explicit LayerNorm(Params params) : params_(params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (static_cast<std::int64_t>(src[0].rank()) <= params_.axes) {
      throw ShapeError("layer_norm over the last " + std::to_string(params_.axes) +
                       " axes does not fit source " + src[0].text());
    }
    require_row("layer_norm", normalized(src[0]).elements());
    return {src[0]};
  }

  std::vector<WeightSpec> weights(std::span<const Shape> src) const override {
    if (!params_.affine) return {};
    const Shape shape = normalized(src[0]);
    return {{"weight", shape, constant_init(1)}, {"bias", shape, constant_init(0)}};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const Shape shape = normalized(onnx.src_shape(0));
    const std::string scale =
        params_.affine ? onnx.weight("weight")
                       : onnx.constant(shape, std::vector<float>(shape.elements(), 1.0F));
    return {onnx.add("LayerNormalization",
                     {onnx.src(0), scale, params_.affine ? onnx.weight("bias") : ""},
                     {{"axis", -params_.axes}, {"epsilon", params_.eps}})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape shape = src[0].shape();
    const std::int64_t size = normalized(shape).elements();
    const Shape rows{shape.elements() / size, size};
    const RowNorm forward =
        record_row_norm(tape, reshaped(tape, src[0], rows), params_.eps, params_.affine);
    auto grad =
        [=](Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      const Value diff = reshaped(back, *diff_dst[0], rows);
      return {reshaped(back, record_row_norm_grad(back, forward, diff), shape)};
    };
    return {{reshaped(tape, forward.dst, shape)}, grad};
  }

 private:
  Shape normalized(const Shape& src) const {
    return Shape(std::vector<std::int64_t>(src.dims().end() - params_.axes, src.dims().end()));
  }

  Params params_;
};

}  // namespace

LayerKind layer_norm_kind() {
  return make_kind<LayerNorm>("layer_norm", "normalises the last axes of each sample", one_source(),
                              param_table())
      .also({"ln", "layer_normalization"});
}

}  // namespace dl
