#include "layers/eltwise_util.h"
#include "layers/initializer.h"
#include "layers/matmul_util.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::matmul;
using dnnl::memory;

struct Params {
  std::int64_t out_features = 0;
  bool bias = true;
  std::optional<InitChoice> weight_init;
  std::optional<InitChoice> bias_init;
};

ParamTable<Params> param_table() {
  return {
      required("out_features", &Params::out_features, at_least(1), "size of the last axis of dst")
          .also({"units", "features", "num_output", "out_dim"}),
      with_default("bias", &Params::bias, "adds a learned offset per output").also({"use_bias"}),
      with_default("weight_init", &Params::weight_init,
                   "how the weight starts; PyTorch's kaiming_uniform with a = sqrt(5) unless said"),
      with_default("bias_init", &Params::bias_init,
                   "how the bias starts; uniform in +-1/sqrt(in_features) unless said"),
  };
}

/// What backward needs to know of the forward pass.
struct Forward {
  Value src, dst;  // (rows, in), (rows, out), row-major
  std::optional<Activation> post;
};

/// dst = src weights^T + bias, over the last axis; weight (out_features, in_features). All matrices
/// are multiplied as they are stored: inner_product's blocked weights are no faster, and bringing
/// them into that layout and their gradient out of it costs more than the product where batches are
/// small.
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

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    if (onnx.src_shape(0).rank() == 2) {
      std::vector<std::string> inputs = {onnx.src(0), onnx.weight("weight")};
      if (params_.bias) inputs.push_back(onnx.weight("bias"));
      return {onnx.add("Gemm", std::move(inputs), {{"transB", std::int64_t{1}}})};
    }
    const std::string weight =
        onnx.add("Transpose", {onnx.weight("weight")}, {{"perm", std::vector<std::int64_t>{1, 0}}});
    std::string dst = onnx.add("MatMul", {onnx.src(0), weight});
    if (params_.bias) dst = onnx.add("Add", {dst, onnx.weight("bias")});
    return {dst};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Shape src_shape = srcs[0].shape();
    const Shape dst_shape{src_shape.elements() / src_shape.back(), params_.out_features};
    const Forward forward{.src = reshaped(tape, srcs[0], {dst_shape[0], src_shape.back()}),
                          .dst = tape.value(plain_desc(dst_shape)),
                          .post = tape.post()};
    record_product(tape, forward);

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
      return {reshaped(back, record_src_grad(back, forward, diff), src_shape)};
    };
    Shape full = src_shape;
    full[full.rank() - 1] = params_.out_features;
    return {{reshaped(tape, forward.dst, full)}, grad};
  }

 private:
  /// Row-major, and (N, T, F) as (N * T, F) or back.
  static Value reshaped(Tape& tape, const Value& value, const Shape& shape) {
    const Value plain = tape.plain(value);
    return plain.shape() == shape ? plain : tape.view(plain, plain_desc(shape));
  }

  void record_product(Tape& tape, const Forward& forward) const {
    const std::int64_t in = forward.src.shape()[1], out = params_.out_features;
    const memory::desc bias = params_.bias ? plain_desc({1, out}) : memory::desc();
    const matmul::primitive_desc desc(tape.engine(), forward.src.desc, transposed_desc(in, out),
                                      bias, forward.dst.desc, attr_with_post(tape));
    Args args = {{DNNL_ARG_SRC, forward.src},
                 {DNNL_ARG_WEIGHTS, tape.view(tape.weight("weight"), transposed_desc(in, out))},
                 {DNNL_ARG_DST, forward.dst}};
    if (params_.bias) args.emplace_back(DNNL_ARG_BIAS, tape.weight("bias", bias));
    tape.run(desc, args);
  }

  void record_weight_grads(Tape& tape, const Forward& forward, const Value& diff_dst) const {
    const std::int64_t rows = forward.src.shape()[0], out = params_.out_features;
    const Value diff_weights = tape.value(plain_desc({out, forward.src.shape()[1]}));
    record_matmul(tape, tape.view(diff_dst, transposed_desc(out, rows)), forward.src, diff_weights);
    tape.add_weight_grad("weight", diff_weights);
    if (!params_.bias) return;
    tape.add_weight_grad("bias", record_column_sums(tape, diff_dst));
  }

  static Value record_src_grad(Tape& tape, const Forward& forward, const Value& diff_dst) {
    const Value diff_src = tape.value(forward.src.desc);
    record_matmul(tape, diff_dst, tape.weight("weight"), diff_src);
    return diff_src;
  }

  Params params_;
};

}  // namespace

LayerKind linear_kind() {
  LayerKind kind = make_kind<Linear>("linear", "src weight^T + bias over the last axis",
                                     one_source(), param_table());
  kind.carries = carries_as_post_op;
  kind.units = LayerKind::Units::features;
  kind.others = {"dense", "fc", "fully_connected", "inner_product"};
  return kind;
}

}  // namespace dl
