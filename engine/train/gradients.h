#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dl {

/// Sums in double, in an order that depends on the size alone.
double square_sum(std::span<const float> values);
double square_sum_of_difference(std::span<const float> a, std::span<const float> b);

/// The Euclidean norm of all gradients; NaN or infinity when one of them is. The sum runs over
/// fixed pieces in double, so that it does not depend on the number of threads. Holds the room for
/// the partial sums.
class GradientNorm {
 public:
  explicit GradientNorm(std::size_t count);
  double operator()(std::span<const float> gradients);

 private:
  std::vector<double> partial_;
};

/// sum += gradients * weight, or sum = gradients * weight for the first batch of a step.
void accumulate(std::span<float> sum, std::span<const float> gradients, float weight, bool first);

/// Clamps gradients * scale to +-limit, in place (torch.nn.utils.clip_grad_value_).
void clip_by_value(std::span<float> gradients, float scale, float limit);

/// The factor that brings `norm` down to at most `max_norm` (torch.nn.utils.clip_grad_norm_).
double clip_factor(double norm, double max_norm);

/// The factor of an exponential moving average for its t-th update (from 1); with `warmup` it grows
/// to `decay` as (1 + t) / (10 + t).
double ema_decay(double decay, bool warmup, std::int64_t update);
/// average += (1 - decay) * (values - average) (torch.optim.swa_utils.get_ema_multi_avg_fn). As in
/// timm the average starts at the weights' first values, is of what is trained, and takes running
/// statistics as they are: those are averages already.
void average_into(std::span<float> average, std::span<const float> values, double decay);

}  // namespace dl
