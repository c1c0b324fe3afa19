#include "core/parallel.h"
#include "layers/math_util.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::algorithm;
using dnnl::softmax_forward;

struct Params {
  bool log = false;
};

ParamTable<Params> param_table() {
  return {with_default("log", &Params::log, "the logarithm of it, computed without overflow")};
}

// Backward in loops of our own: without AVX-512 oneDNN has only its reference implementation. A row
// is n numbers; diff_src may be diff_dst.
DL_VECTORISED void softmax_row(const float* dst, const float* diff_dst, float* diff_src,
                               std::size_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += diff_dst[i] * dst[i];
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) diff_src[i] = dst[i] * (diff_dst[i] - sum);
}

DL_VECTORISED void log_softmax_row(const float* dst, const float* diff_dst, float* diff_src,
                                   std::size_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += diff_dst[i];
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) diff_src[i] = diff_dst[i] - fast_exp(dst[i]) * sum;
}

/// Reads dst and diff_dst, writes diff_src.
struct SoftmaxGradient {
  std::size_t rows, size;
  bool log;

  void operator()(const HostArgs& args) const {
    constexpr std::size_t kGrain = 1 << 14;  // elements a thread
    parallel_for(rows, kGrain / size + 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t at = begin * size; at < end * size; at += size) {
        (log ? log_softmax_row : softmax_row)(args.src<float>(0) + at, args.src<float>(1) + at,
                                              args.dst<float>(0) + at, size);
      }
    });
  }
};

/// exp(src) / sum(exp(src)) over the last axis.
class Softmax final : public Layer {
 public:
  explicit Softmax(Params params)
      : how_(params.log ? algorithm::softmax_log : algorithm::softmax_accurate) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() < 2) throw ShapeError("softmax needs an axis of classes but gets one value");
    return {src[0]};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    return {onnx.add(how_ == algorithm::softmax_log ? "LogSoftmax" : "Softmax", {onnx.src(0)},
                     {{"axis", std::int64_t{-1}}})};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Value src = tape.plain(srcs[0]);
    const int axis = static_cast<int>(src.shape().rank()) - 1;
    const softmax_forward::primitive_desc forward(tape.engine(), tape.prop_kind(), how_, src.desc,
                                                  src.desc, axis, Tape::attr());
    const Value dst = tape.value(src.desc);
    tape.run(forward, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}});
    tape.may_overwrite(dst, src);

    const auto size = static_cast<std::size_t>(src.shape().back());
    const SoftmaxGradient gradient{src.shape().elements() / size, size,
                                   how_ == algorithm::softmax_log};
    auto grad = [dst, gradient](Tape& back, std::span<const std::optional<Value>> diff_dst)
        -> std::vector<std::optional<Value>> {
      const Value diff = back.plain(*diff_dst[0]);
      const Value diff_src = back.value(dst.desc);
      back.host("softmax gradient", {dst, diff}, {diff_src}, gradient);
      back.may_overwrite(diff_src, diff);
      return {diff_src};
    };
    return {{dst}, grad};
  }

 private:
  algorithm how_;
};

}  // namespace

LayerKind softmax_kind() {
  return make_kind<Softmax>(
      "softmax", "probabilities from scores, over the last axis; cross_entropy has its own",
      one_source(), param_table());
}

}  // namespace dl
