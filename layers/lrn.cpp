#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::lrn_backward;
using dnnl::lrn_forward;
using dnnl::memory;

constexpr auto kAlgorithm = dnnl::algorithm::lrn_across_channels;

struct Params {
  std::int64_t size = 5;
  float alpha = 1e-4F;
  float beta = 0.75F;
  float k = 1;
};

ParamTable<Params> param_table() {
  return {
      with_default("size", &Params::size, between(1, 1 << 16),
                   "channels in a window; odd, so that it has a middle"),
      with_default("alpha", &Params::alpha, at_least(0), "weight of the mean square"),
      with_default("beta", &Params::beta, above(0), "exponent"),
      with_default("k", &Params::k, above(0), "added to the weighted mean square"),
  };
}

/// src / (k + alpha * mean of the squares of `size` channels around)^beta.
class Lrn final : public Layer {
 public:
  explicit Lrn(Params params) : params_(params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() != 4)
      throw ShapeError("lrn needs a picture (C, H, W) but its source is " + src[0].text());
    if (params_.size % 2 == 0) {
      throw ShapeError("size is " + std::to_string(params_.size) + ", but must be odd",
                       "a window of channels needs a middle");
    }
    return {src[0]};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Value src = srcs[0];
    const lrn_forward::primitive_desc forward(tape.engine(), tape.prop_kind(), kAlgorithm, src.desc,
                                              src.desc, params_.size, params_.alpha, params_.beta,
                                              params_.k, Tape::attr());
    const Value dst = tape.value(src.desc);
    Args args = {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}};
    Args kept = {{DNNL_ARG_SRC, src}};
    if (forward.workspace_desc().get_size() > 0) {
      const Value workspace = tape.value(forward.workspace_desc());
      args.emplace_back(DNNL_ARG_WORKSPACE, workspace);
      kept.emplace_back(DNNL_ARG_WORKSPACE, workspace);
    }
    tape.run(forward, args);

    auto grad = [=, params = params_](Tape& back, std::span<const std::optional<Value>> diff_dst)
        -> std::vector<std::optional<Value>> {
      const lrn_backward::primitive_desc backward(back.engine(), kAlgorithm, src.desc, src.desc,
                                                  src.desc, params.size, params.alpha, params.beta,
                                                  params.k, forward, Tape::attr());
      const Value diff_src = back.value(src.desc);
      Args back_args = kept;
      back_args.emplace_back(DNNL_ARG_DIFF_DST, back.as(*diff_dst[0], src.desc));
      back_args.emplace_back(DNNL_ARG_DIFF_SRC, diff_src);
      back.run(backward, back_args);
      return {diff_src};
    };
    return {{dst}, grad};
  }

 private:
  Params params_;
};

}  // namespace

LayerKind lrn_kind() {
  return make_kind<Lrn>("lrn", "local response normalisation across channels (AlexNet's)",
                        one_source(), param_table());
}

}  // namespace dl
