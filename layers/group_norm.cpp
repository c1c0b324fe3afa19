#include <algorithm>
#include <array>

#include "core/parallel.h"
#include "layers/initializer.h"
#include "layers/layer_norm_util.h"
#include "layers/onnx_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  std::int64_t num_groups = 0;
  float eps = 1e-5F;
  bool affine = true;
};

ParamTable<Params> param_table() {
  return {
      required("num_groups", &Params::num_groups, between(1, 1 << 24),
               "groups of channels; each is normalised by itself"),
      with_default("eps", &Params::eps, above(0), "added to the variance"),
      with_default("affine", &Params::affine, "a learned scale and offset per channel"),
  };
}

/// A row-major (samples, channels, places).
struct Sizes {
  std::size_t samples, channels, places;
};

DL_VECTORISED void scale_channel(const float* src, float* dst, float scale, float shift,
                                 const Sizes& sizes) {
  const std::size_t stride = sizes.channels * sizes.places;
  for (std::size_t n = 0; n < sizes.samples; ++n) {
    for (std::size_t i = n * stride; i < n * stride + sizes.places; ++i)
      dst[i] = src[i] * scale + shift;
  }
}

/// Sums of diff * normal and of diff over a channel, in lanes so that they vectorise.
DL_VECTORISED void sum_channel(const float* normal, const float* diff, float* diff_scale,
                               float* diff_shift, const Sizes& sizes) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> products{}, sums{};
  const std::size_t stride = sizes.channels * sizes.places;
  for (std::size_t n = 0; n < sizes.samples; ++n) {
    const float* x = normal + n * stride;
    const float* d = diff + n * stride;
    const std::size_t whole = sizes.places / kLanes * kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
      for (std::size_t k = 0; k < kLanes; ++k) {
        products[k] += d[i + k] * x[i + k];
        sums[k] += d[i + k];
      }
    }
    for (std::size_t i = whole; i < sizes.places; ++i) {
      products[i - whole] += d[i] * x[i];
      sums[i - whole] += d[i];
    }
  }
  *diff_scale = *diff_shift = 0;
  for (std::size_t k = 0; k < kLanes; ++k) {
    *diff_scale += products[k];
    *diff_shift += sums[k];
  }
}

/// A layer norm over each group of channels of each sample, then a scale and offset per channel.
class GroupNorm final : public Layer {
 public:
  explicit GroupNorm(Params params) : params_(params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() < 2) throw ShapeError("group_norm needs channels, but its source has none");
    if (src[0][1] % params_.num_groups != 0) {
      throw ShapeError("the source's channels (" + std::to_string(src[0][1]) +
                       ") cannot be cut into " + std::to_string(params_.num_groups) + " groups");
    }
    require_row("group_norm", src[0].elements() / (src[0][0] * params_.num_groups));
    return {src[0]};
  }

  std::vector<WeightSpec> weights(std::span<const Shape> src) const override {
    if (!params_.affine) return {};
    const Shape channels{src[0][1]};
    return {{"weight", channels, constant_init(1)}, {"bias", channels, constant_init(0)}};
  }

  /// As PyTorch's exporter does: the groups are the channels of an instance norm.
  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const Shape& src = onnx.src_shape(0);
    const std::int64_t groups = params_.num_groups;
    const auto filled = [&](float value) {
      return onnx.constant(Shape{groups}, std::vector<float>(groups, value));
    };
    const std::vector<std::int64_t> grouped = {groups, -1};
    const std::string normal = onnx.add(
        "InstanceNormalization", {write_reshape(onnx, onnx.src(0), grouped), filled(1), filled(0)},
        {{"epsilon", params_.eps}});
    const std::string dst = write_reshape(onnx, normal, std::span(src.dims()).subspan(1));
    if (!params_.affine) return {dst};
    std::vector<std::int64_t> per_channel(src.rank() - 1, 1);
    per_channel[0] = src[1];
    const auto spread = [&](const char* name) {
      const std::span<const float> values = onnx.values(name);
      return onnx.constant(Shape(per_channel), {values.begin(), values.end()});
    };
    return {onnx.add("Add", {onnx.add("Mul", {dst, spread("weight")}), spread("bias")})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape shape = src[0].shape();
    const std::int64_t groups = shape[0] * params_.num_groups;
    const Shape rows{groups, shape.elements() / groups};
    const RowNorm forward = record_row_norm(tape, reshaped(tape, src[0], rows), params_.eps, false);
    const Value dst = params_.affine ? scaled(tape, forward.dst, shape) : forward.dst;
    auto grad =
        [=, affine = params_.affine](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      Value diff = reshaped(back, *diff_dst[0], rows);
      if (affine) diff = scaled_grad(back, forward.dst, diff, shape);
      return {reshaped(back, record_row_norm_grad(back, forward, diff), shape)};
    };
    return {{reshaped(tape, dst, shape)}, grad};
  }

 private:
  static Sizes sizes_of(const Shape& shape) {
    return {.samples = static_cast<std::size_t>(shape[0]),
            .channels = static_cast<std::size_t>(shape[1]),
            .places = static_cast<std::size_t>(shape.elements() / (shape[0] * shape[1]))};
  }

  static Value scaled(Tape& tape, const Value& normal, const Shape& shape) {
    const Value dst = tape.value(normal.desc);
    tape.host("scale and shift", {normal, tape.weight("weight"), tape.weight("bias")}, {dst},
              [sizes = sizes_of(shape)](const HostArgs& args) {
                parallel_each(sizes.channels, sizes.samples * sizes.places, [&](std::size_t c) {
                  const std::size_t at = c * sizes.places;
                  scale_channel(args.src<float>(0) + at, args.dst<float>(0) + at,
                                args.src<float>(1)[c], args.src<float>(2)[c], sizes);
                });
              });
    tape.may_overwrite(dst, normal);
    return dst;
  }

  static Value scaled_grad(Tape& tape, const Value& normal, const Value& diff_dst,
                           const Shape& shape) {
    if (tape.trains("weight") || tape.trains("bias"))
      record_weight_grads(tape, normal, diff_dst, shape);
    const Value diff = tape.value(normal.desc);
    tape.host("scale the gradient", {diff_dst, tape.weight("weight")}, {diff},
              [sizes = sizes_of(shape)](const HostArgs& args) {
                parallel_each(sizes.channels, sizes.samples * sizes.places, [&](std::size_t c) {
                  const std::size_t at = c * sizes.places;
                  scale_channel(args.src<float>(0) + at, args.dst<float>(0) + at,
                                args.src<float>(1)[c], 0, sizes);
                });
              });
    tape.may_overwrite(diff, diff_dst);
    return diff;
  }

  static void record_weight_grads(Tape& tape, const Value& normal, const Value& diff_dst,
                                  const Shape& shape) {
    const Value diff_scale = tape.value(plain_desc({shape[1]}));
    const Value diff_shift = tape.value(plain_desc({shape[1]}));
    tape.host("sum gradients of scale and shift", {normal, diff_dst}, {diff_scale, diff_shift},
              [sizes = sizes_of(shape)](const HostArgs& args) {
                parallel_each(sizes.channels, sizes.samples * sizes.places, [&](std::size_t c) {
                  const std::size_t at = c * sizes.places;
                  sum_channel(args.src<float>(0) + at, args.src<float>(1) + at,
                              args.dst<float>(0) + c, args.dst<float>(1) + c, sizes);
                });
              });
    tape.add_weight_grad("weight", diff_scale);
    tape.add_weight_grad("bias", diff_shift);
  }

  Params params_;
};

}  // namespace

LayerKind group_norm_kind() {
  LayerKind kind = make_kind<GroupNorm>(
      "group_norm", "normalises groups of channels of each sample", one_source(), param_table());
  kind.reads_channels = true;
  kind.others = {"gn", "group_normalization"};
  return kind;
}

}  // namespace dl
