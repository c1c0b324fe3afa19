#include "engine/plan/probe.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"

namespace dl {
namespace {

using dnnl::algorithm;
using dnnl::memory;

/// Where the slope of swish, gelu and mish falls under a hundredth of its largest for good, on the
/// way to minus infinity.
constexpr float kSwishFlat = -6.1429F;
constexpr float kGeluFlat = -3.0216F;
constexpr float kGeluTanhFlat = -3.0093F;
constexpr float kMishFlat = -6.1587F;

/// How far each index along `axis` moves in memory. In oneDNN's blocked layouts (plain ones and
/// channels last among them) the offset of an element is a sum over its indexes.
std::vector<std::int64_t> offsets_along(const memory::desc& desc, std::size_t axis) {
  const memory::dims sizes = desc.get_inner_blks(), axes = desc.get_inner_idxs();
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(desc.get_dims()[axis]));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    auto rest = static_cast<std::int64_t>(i), inner = std::int64_t{1};
    for (std::size_t k = sizes.size(); k-- > 0;) {  // the innermost block last in the list
      if (axes[k] == static_cast<std::int64_t>(axis)) {
        offsets[i] += rest % sizes[k] * inner;
        rest /= sizes[k];
      }
      inner *= sizes[k];
    }
    offsets[i] += rest * desc.get_strides()[axis];
  }
  return offsets;
}

bool is_blocked_floats(const memory::desc& desc) {
  return desc.get_format_kind() == memory::format_kind::blocked &&
         desc.get_data_type() == memory::data_type::f32;
}

/// Reads the activation, writes a count for each unit. An element is found by three offsets: of its
/// unit, of its index on the last other axis, and of those on the rest.
class FlatCounter {
 public:
  FlatCounter(const memory::desc& desc, std::size_t unit_axis, const FlatRange& range)
      : range_(range),
        units_(offsets_along(desc, unit_axis)),
        outer_{static_cast<std::int64_t>(desc.get_submemory_offset())} {
    for (std::size_t axis = 0; axis < desc.get_dims().size(); ++axis) {
      if (axis == unit_axis) continue;
      std::vector<std::int64_t> combined;
      for (const std::int64_t outer : outer_) {
        for (const std::int64_t inner : inner_) combined.push_back(outer + inner);
      }
      outer_ = std::move(combined);
      inner_ = offsets_along(desc, axis);
    }
  }

  void operator()(const HostArgs& args) const {
    if (!args.context().diagnose) return;
    constexpr std::size_t kGrain = 1 << 16;  // elements a thread
    const std::size_t per_unit = outer_.size() * inner_.size();
    parallel_for(units_.size(), kGrain / per_unit + 1, [&](std::size_t begin, std::size_t end) {
      count(args.src<float>(0), args.dst<std::int32_t>(0), begin, end);
    });
  }

 private:
  /// Units innermost: they lie side by side in every layout but the plain one.
  void count(const float* values, std::int32_t* counts, std::size_t begin, std::size_t end) const {
    std::fill(counts + begin, counts + end, 0);
    for (const std::int64_t outer : outer_) {
      for (const std::int64_t inner : inner_) {
        const float* place = values + outer + inner;
        for (std::size_t u = begin; u < end; ++u) {
          const float value = place[units_[u]];
          counts[u] += static_cast<std::int32_t>(value <= range_.low || value >= range_.high);
        }
      }
    }
  }

  FlatRange range_;
  std::vector<std::int64_t> units_, outer_, inner_ = {0};
};

FlatRange of_result(float low, float high = std::numeric_limits<float>::infinity()) {
  return {.of_source = false, .low = low, .high = high};
}
FlatRange of_source(float low) { return {.of_source = true, .low = low}; }

/// Reads a gradient (N, T, F), writes the sum of squares of each step.
struct StepSquares {
  std::int64_t samples, steps, features;
  std::int64_t sample_stride, step_stride;

  void operator()(const HostArgs& args) const {
    if (!args.context().diagnose) return;
    parallel_each(steps, samples * features, [&](std::size_t t) {
      double sum = 0;
      for (std::int64_t n = 0; n < samples; ++n) {
        const float* row =
            args.src<float>(0) + n * sample_stride + static_cast<std::int64_t>(t) * step_stride;
        for (std::int64_t f = 0; f < features; ++f) sum += static_cast<double>(row[f]) * row[f];
      }
      args.dst<float>(0)[t] = static_cast<float>(sum);
    });
  }
};

}  // namespace

std::optional<FlatRange> flat_range(const Activation& activation) {
  const float alpha = activation.alpha, beta = activation.beta;
  switch (activation.algorithm) {
    case algorithm::eltwise_relu:
      if (alpha != 0) return std::nullopt;
      return of_result(0);
    case algorithm::eltwise_clip_v2:  // relu6
      return of_result(alpha, beta);
    case algorithm::eltwise_hardsigmoid:
      return of_result(0, 1);
    case algorithm::eltwise_hardswish:
      return of_source(-beta / alpha);
    case algorithm::eltwise_logistic: {  // slope y (1 - y), at most 1/4
      const float low = 0.5F - 0.5F * std::sqrt(0.99F);
      return of_result(low, 1 - low);
    }
    case algorithm::eltwise_tanh:  // slope 1 - y y
      return of_result(-std::sqrt(0.99F), std::sqrt(0.99F));
    case algorithm::eltwise_elu:  // slope y + alpha below 0, at most alpha or 1
      return of_result(std::min(0.01F * std::max(alpha, 1.0F) - alpha, 0.0F));
    case algorithm::eltwise_soft_relu:  // slope 1 - exp(-alpha y)
      return of_result(-std::log(0.99F) / alpha);
    case algorithm::eltwise_swish:
      return of_source(kSwishFlat / alpha);
    case algorithm::eltwise_gelu_erf:
      return of_source(kGeluFlat);
    case algorithm::eltwise_gelu_tanh:
      return of_source(kGeluTanhFlat);
    case algorithm::eltwise_mish:
      return of_source(kMishFlat);
    default:
      return std::nullopt;
  }
}

Probe record_probe(Tape& tape, const Value& value, std::size_t unit_axis, const FlatRange& range,
                   int node) {
  const Shape shape = value.shape();
  const Value read =
      is_blocked_floats(value.desc) ? value : tape.as(value, plain_desc(value.shape()));
  const std::int64_t units = shape[unit_axis];
  Probe probe{.node = node,
              .elements_per_unit = shape.elements() / units,
              .flat = tape.value(plain_desc({units}, memory::data_type::s32))};
  tape.host("count flat units", {read}, {probe.flat}, FlatCounter(read.desc, unit_axis, range));
  tape.keep(probe.flat);
  return probe;
}

TimeProbe record_time_probe(Tape& tape, const Value& diff_src, int node) {
  const Shape shape = diff_src.shape();
  const memory::dims strides = diff_src.desc.get_strides();
  TimeProbe probe{.node = node, .squares = tape.value(plain_desc({shape[1]}))};
  tape.host("gradient by time", {diff_src}, {probe.squares},
            StepSquares{shape[0], shape[1], shape[2], strides[0], strides[1]});
  tape.keep(probe.squares);
  return probe;
}

}  // namespace dl
