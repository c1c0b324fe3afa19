#include "layers/fold_util.h"

#include <cmath>

namespace dl {
namespace {

/// Reads the norm's variance and its weight, where it has one.
struct Scale {
  float eps;
  bool affine;
  float operator()(const HostArgs& args, std::size_t channel) const {
    const float weight = affine ? args.src<float>(1)[channel] : 1.0F;
    return weight / std::sqrt(args.src<float>(0)[channel] + eps);
  }
};

}  // namespace

FoldedWeights record_folded_weights(Tape& tape, bool bias) {
  const FoldedNorm& norm = *tape.norm();
  const Scale scale{norm.eps, norm.affine};
  const Value weight = tape.weight("weight");
  const auto channels = static_cast<std::size_t>(weight.shape()[0]);
  const auto size = static_cast<std::size_t>(weight.shape().elements()) / channels;

  std::vector<Value> reads = {tape.norm_weight("running_var")};
  if (norm.affine) reads.push_back(tape.norm_weight("weight"));
  const auto with = [&](std::initializer_list<Value> more) {
    std::vector<Value> all = reads;
    all.insert(all.end(), more);
    return all;
  };
  const std::size_t own = reads.size();
  const Value folded = tape.prepare(weight.desc, [&](const Value& dst) {
    tape.host("fold norm", with({weight}), {dst}, [=](const HostArgs& args) {
      for (std::size_t c = 0; c < channels; ++c) {
        const float factor = scale(args, c);
        for (std::size_t i = c * size; i < (c + 1) * size; ++i)
          args.dst<float>(0)[i] = args.src<float>(own)[i] * factor;
      }
    });
  });
  std::vector<Value> offsets = with({tape.norm_weight("running_mean")});
  if (norm.affine) offsets.push_back(tape.norm_weight("bias"));
  if (bias) offsets.push_back(tape.weight("bias"));
  const bool affine = norm.affine;
  const Value shift =
      tape.prepare(plain_desc({static_cast<std::int64_t>(channels)}), [&](const Value& dst) {
        tape.host("fold norm", offsets, {dst}, [=](const HostArgs& args) {
          for (std::size_t c = 0; c < channels; ++c) {
            const float before = bias ? args.src<float>(own + (affine ? 2 : 1))[c] : 0.0F;
            const float after = affine ? args.src<float>(own + 1)[c] : 0.0F;
            args.dst<float>(0)[c] = (before - args.src<float>(own)[c]) * scale(args, c) + after;
          }
        });
      });
  return {folded, shift};
}

}  // namespace dl
