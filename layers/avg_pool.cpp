#include "layers/pool_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::algorithm;

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

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Window window = pool_window(params_, src[0].shape());
    if (!params_.count_include_pad)
      return record_pooling(tape, src[0], algorithm::pooling_avg_exclude_padding, window);
    Recorded pooled = record_pooling(tape, src[0], algorithm::pooling_avg_include_padding, window);
    // oneDNN divides by the whole window; PyTorch leaves out what ceil_mode hangs over the padding.
    if (!window.overhangs()) return pooled;
    const Value factors = overhang_factors(tape, window);
    const Value dst = scaled(tape, pooled.dst[0], factors);
    auto grad = [=, inner = pooled.grad](Tape& back,
                                         std::span<const std::optional<Value>> diff_dst) {
      const std::optional<Value> diff = scaled(back, *diff_dst[0], factors);
      return inner(back, std::span(&diff, 1));
    };
    return {{dst}, grad};
  }

 private:
  /// Whole window / what counts of it, for each place: (1, 1, places...).
  static Value overhang_factors(Tape& tape, const Window& window) {
    std::vector<std::int64_t> dims = {1, 1};
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
      dims.push_back(window.places[i]);
    }
    return tape.view(tape.constant(std::move(factors)), plain_desc(Shape(dims)));
  }

  static Value scaled(Tape& tape, const Value& src, const Value& factors) {
    const dnnl::binary::primitive_desc multiply(tape.engine(), algorithm::binary_mul, src.desc,
                                                factors.desc, src.desc, Tape::attr());
    Value dst = tape.value(src.desc);
    dst.needs_grad = src.needs_grad;
    tape.run(multiply, {{DNNL_ARG_SRC_0, src}, {DNNL_ARG_SRC_1, factors}, {DNNL_ARG_DST, dst}});
    tape.may_overwrite(dst, src);
    return dst;
  }

  PoolParams params_;
};

}  // namespace

LayerKind avg_pool_kind() {
  return make_kind<AvgPool>("avg_pool", "the mean of each window", one_source(), param_table());
}

}  // namespace dl
