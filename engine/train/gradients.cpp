#include "engine/train/gradients.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace dl {
namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::size_t kGrain = 65536;

double together(const double (&sums)[8]) {
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

DL_VECTORISED double square_sum_of(const float* values, std::size_t n) {
  // Eight sums side by side: a fixed order that vector units can follow.
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t k = 0; k < 8; ++k)
      sums[k] += static_cast<double>(values[i + k]) * values[i + k];
  }
  for (; i < n; ++i) sums[i % 8] += static_cast<double>(values[i]) * values[i];
  return together(sums);
}

DL_VECTORISED double difference_sum_of(const float* a, const float* b, std::size_t n) {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) {
      const double difference = static_cast<double>(a[i + k]) - b[i + k];
      sums[k] += difference * difference;
    }
  }
  for (; i < n; ++i)
    sums[i % 8] += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return together(sums);
}

DL_VECTORISED void add_scaled(float* __restrict sum, const float* __restrict values, std::size_t n,
                              float weight) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += values[i] * weight;
}

DL_VECTORISED void set_scaled(float* __restrict sum, const float* __restrict values, std::size_t n,
                              float weight) {
  for (std::size_t i = 0; i < n; ++i) sum[i] = values[i] * weight;
}

DL_VECTORISED void clamp_scaled(float* values, std::size_t n, float scale, float limit) {
  for (std::size_t i = 0; i < n; ++i) {
    const float value = values[i] * scale;
    values[i] = value > limit ? limit : value < -limit ? -limit : value;
  }
}

DL_VECTORISED void blend(float* __restrict average, const float* __restrict values, std::size_t n,
                         float rate) {
  for (std::size_t i = 0; i < n; ++i) average[i] += rate * (values[i] - average[i]);
}

}  // namespace

double square_sum(std::span<const float> values) {
  return square_sum_of(values.data(), values.size());
}

double square_sum_of_difference(std::span<const float> a, std::span<const float> b) {
  return difference_sum_of(a.data(), b.data(), a.size());
}

GradientNorm::GradientNorm(std::size_t count) : partial_((count + kPiece - 1) / kPiece) {}

double GradientNorm::operator()(std::span<const float> gradients) {
  parallel_for(partial_.size(), kGrain / kPiece, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::span<const float> piece =
          gradients.subspan(i * kPiece, std::min(kPiece, gradients.size() - i * kPiece));
      partial_[i] = square_sum(piece);
    }
  });
  double total = 0;
  for (const double sum : partial_) total += sum;
  return std::sqrt(total);
}

void accumulate(std::span<float> sum, std::span<const float> gradients, float weight, bool first) {
  parallel_for(sum.size(), kGrain, [&](std::size_t begin, std::size_t end) {
    (first ? set_scaled : add_scaled)(sum.data() + begin, gradients.data() + begin, end - begin,
                                      weight);
  });
}

void clip_by_value(std::span<float> gradients, float scale, float limit) {
  parallel_for(gradients.size(), kGrain, [&](std::size_t begin, std::size_t end) {
    clamp_scaled(gradients.data() + begin, end - begin, scale, limit);
  });
}

double clip_factor(double norm, double max_norm) { return std::min(1.0, max_norm / (norm + 1e-6)); }

double ema_decay(double decay, bool warmup, std::int64_t update) {
  if (!warmup) return decay;
  const auto t = static_cast<double>(update);
  return std::min(decay, (1.0 + t) / (10.0 + t));
}

void average_into(std::span<float> average, std::span<const float> values, double decay) {
  const auto rate = static_cast<float>(1.0 - decay);
  parallel_for(average.size(), kGrain, [&](std::size_t begin, std::size_t end) {
    blend(average.data() + begin, values.data() + begin, end - begin, rate);
  });
}

}  // namespace dl
