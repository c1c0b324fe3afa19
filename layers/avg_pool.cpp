#include <algorithm>

#include "core/parallel.h"
#include "layers/onnx_util.h"
#include "layers/pool_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::algorithm;

constexpr std::size_t kGrain = 1 << 14;  // elements that are worth a thread

struct Planes {
  std::size_t begin, end, places, run;
};

DL_VECTORISED void scale_planes(const float* src, const float* factors, float* dst,
                                const Planes& planes) {
  std::size_t at = planes.begin * planes.places * planes.run;
  for (std::size_t plane = planes.begin; plane < planes.end; ++plane) {
    for (std::size_t place = 0; place < planes.places; ++place) {
      for (std::size_t i = 0; i < planes.run; ++i, ++at) dst[at] = src[at] * factors[place];
    }
  }
}

ParamTable<PoolParams> param_table() {
  ParamTable<PoolParams> table = pool_params();
  table.push_back(with_default("count_include_pad", &PoolParams::count_include_pad,
                               "padding counts as zeros; otherwise only what lies in the source"));
  return table;
}

/// The mean of each window.
class AvgPool final : public Layer {
 public:
  explicit AvgPool(PoolParams params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_picture("avg_pool", src[0]);
    return {window_dst(src[0], src[0][1], pool_window(params_, src[0]))};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const Window window = pool_window(params_, onnx.src_shape(0));
    OnnxAttributes attributes = window_attributes(window);
    attributes.pop_back();  // AveragePool has no dilations in opset 17
    attributes.emplace_back("count_include_pad", std::int64_t{params_.count_include_pad});
    const std::string dst = onnx.add("AveragePool", {onnx.src(0)}, std::move(attributes));
    if (!params_.count_include_pad || !window.overhangs()) return {dst};
    Shape places(window.places);
    return {onnx.add("Mul", {dst, onnx.constant(places, factors_of(window))})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Window window = pool_window(params_, src[0].shape());
    if (!params_.count_include_pad)
      return record_pooling(tape, src[0], algorithm::pooling_avg_exclude_padding, window);
    Recorded pooled = record_pooling(tape, src[0], algorithm::pooling_avg_include_padding, window);
    // oneDNN divides by the whole window; PyTorch leaves out what ceil_mode hangs over the padding.
    if (!window.overhangs()) return pooled;
    const Value factors = tape.constant(factors_of(window));
    const Value dst = scaled(tape, pooled.dst[0], factors);
    auto grad = [=, layout = dst.desc, inner = pooled.grad](
                    Tape& back, std::span<const std::optional<Value>> diff_dst) {
      const std::optional<Value> diff = scaled(back, back.as(*diff_dst[0], layout), factors);
      return inner(back, std::span(&diff, 1));
    };
    return {{dst}, grad};
  }

 private:
  /// Whole window / what counts of it, for each place.
  static std::vector<float> factors_of(const Window& window) {
    std::vector<float> factors = {1.0F};
    for (std::size_t i = 0; i < window.places.size(); ++i) {
      const auto size = static_cast<float>(window.kernel[i]);
      const auto cut = static_cast<float>(window.kernel[i] - window.overhang[i]);
      std::vector<float> next;
      for (const float factor : factors) {
        next.insert(next.end(), window.places[i] - 1, factor);
        next.push_back(factor * size / cut);
      }
      factors = std::move(next);
    }
    return factors;
  }

  /// In every layout that poolings give, a place is a run of channels (one, a block or all of them)
  /// and the places follow each other. oneDNN's multiplication has only a reference here.
  static Value scaled(Tape& tape, const Value& src, const Value& factors) {
    const std::size_t places = factors.shape().elements();
    const std::size_t run = src.desc.get_strides().back();
    const std::size_t planes = src.desc.get_size() / sizeof(float) / (places * run);
    Value dst = tape.value(src.desc);
    dst.needs_grad = src.needs_grad;
    tape.host("divide by what counts", {src, factors}, {dst}, [=](const HostArgs& args) {
      parallel_for(planes, std::max<std::size_t>(1, kGrain / (places * run)),
                   [&](std::size_t begin, std::size_t end) {
                     scale_planes(args.src<float>(0), args.src<float>(1), args.dst<float>(0),
                                  {begin, end, places, run});
                   });
    });
    tape.may_overwrite(dst, src);
    return dst;
  }

  PoolParams params_;
};

}  // namespace

LayerKind avg_pool_kind() {
  LayerKind kind =
      make_kind<AvgPool>("avg_pool", "the mean of each window", one_source(), param_table());
  kind.reads_channels = true;
  kind.others = {"average_pool", "average_pooling", "mean_pool"};
  return kind;
}

}  // namespace dl
