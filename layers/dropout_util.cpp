#include "layers/dropout_util.h"

#include <cstring>

#include "core/parallel.h"
#include "core/random.h"

namespace dl {
namespace {

constexpr std::size_t kLanes = 16;          // Philox blocks at once
constexpr std::size_t kGroup = 4 * kLanes;  // elements that they decide on
constexpr std::size_t kGrain = 1 << 14;     // elements a thread

/// Philox 4x32-10 for a step and a stream. Element i takes word (i % 64) / 16 of the block whose
/// first counter is i / 64 * 16 + i % 16, so that whole vectors of elements share a word.
struct MaskStream {
  std::uint32_t key[2];
  std::uint32_t counter[3];  // behind the block's number

  MaskStream(const StepContext& context, std::uint64_t stream) {
    const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
    const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
    const auto mixed = philox({static_cast<std::uint32_t>(RandomStream::dropout), low(stream),
                               high(stream), low(context.micro_batch)},
                              {low(context.seed), high(context.seed)});
    key[0] = mixed[0];
    key[1] = mixed[1];
    counter[0] = low(context.step);
    counter[1] = high(context.step);
    counter[2] = mixed[2];
  }
};

/// dst = src where a draw is at least `threshold`, times `scale`; else 0. `groups` times 64
/// elements, the first of which is element `first` * 64 of the tensor. dst may be src.
DL_VECTORISED void apply_mask(float* dst, const float* src, MaskStream stream, std::size_t first,
                              std::size_t groups, std::uint32_t threshold, float scale) {
  for (std::size_t group = 0; group < groups; ++group) {
    std::uint32_t draws[kGroup];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      std::uint32_t c0 = static_cast<std::uint32_t>((first + group) * kLanes + lane);
      std::uint32_t c1 = stream.counter[0], c2 = stream.counter[1], c3 = stream.counter[2];
      std::uint32_t k0 = stream.key[0], k1 = stream.key[1];
      for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * c0;
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * c2;
        c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<std::uint32_t>(product1);
        c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<std::uint32_t>(product0);
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
      }
      draws[lane] = c0;
      draws[lane + kLanes] = c1;
      draws[lane + 2 * kLanes] = c2;
      draws[lane + 3 * kLanes] = c3;
    }
    const float* from = src + group * kGroup;
    float* to = dst + group * kGroup;
#pragma omp simd
    for (std::size_t i = 0; i < kGroup; ++i) to[i] = draws[i] >= threshold ? from[i] * scale : 0.0F;
  }
}

/// The same elements become zero forward and backward: the mask is drawn twice and never stored.
struct MaskStep {
  std::size_t size;
  float p;
  std::uint64_t stream;

  void operator()(const HostArgs& args) const {
    const MaskStream draws(args.context(), stream);
    const auto threshold = static_cast<std::uint32_t>(static_cast<double>(p) * 0x1p32);
    const float scale = 1.0F / (1.0F - p);
    const float* src = args.src<float>(0);
    float* dst = args.dst<float>(0);
    const std::size_t groups = size / kGroup;
    parallel_for(groups, kGrain / kGroup, [&](std::size_t begin, std::size_t end) {
      apply_mask(dst + begin * kGroup, src + begin * kGroup, draws, begin, end - begin, threshold,
                 scale);
    });
    const std::size_t done = groups * kGroup;
    if (done == size) return;
    float rest[kGroup] = {};
    std::memcpy(rest, src + done, (size - done) * sizeof(float));
    apply_mask(rest, rest, draws, groups, 1, threshold, scale);
    std::memcpy(dst + done, rest, (size - done) * sizeof(float));
  }
};

}  // namespace

Value record_dropout(Tape& tape, const Value& src, float p, std::uint64_t stream) {
  Value dst = tape.value(src.desc);
  dst.needs_grad = src.needs_grad;
  tape.host("dropout", {src}, {dst}, MaskStep{src.desc.get_size() / sizeof(float), p, stream});
  tape.may_overwrite(dst, src);
  return dst;
}

}  // namespace dl
