#include "engine/train/step_pace.h"

#include <fmt/format.h>

#include <algorithm>

namespace dl {

std::optional<StepPace::Slowdown> StepPace::add(double seconds) {
  constexpr double kSeveral = 4;
  // Threads that wait for a core stall a few batches for long and others not at all: only a mean
  // over a while shows what they cost.
  constexpr double kWindowSeconds = 2;
  constexpr int kWindowBatches = 5;
  if (told_) return std::nullopt;
  if (seen_ < kFirst) {
    first_[seen_] = seconds;
    if (++seen_ < kFirst) return std::nullopt;
    const auto measured = first_.begin() + 1;  // the first one of all warms up
    const auto middle = measured + (kFirst - 1) / 2;
    std::nth_element(measured, middle, first_.end());
    reference_ = *middle;
    return std::nullopt;
  }
  window_seconds_ += seconds;
  ++window_batches_;
  if (window_seconds_ < kWindowSeconds || window_batches_ < kWindowBatches) return std::nullopt;
  const double mean = window_seconds_ / window_batches_;
  window_seconds_ = 0;
  window_batches_ = 0;
  if (mean < kSeveral * reference_) return std::nullopt;
  told_ = true;
  return Slowdown{reference_, mean};
}

std::string slowdown_note(const StepPace::Slowdown& slowdown, int threads) {
  const std::string start = fmt::format(
      "a batch takes {:.3g} ms by now, {:.0f} times as long as the first ones did: the "
      "machine is busy with other work",
      1000 * slowdown.seconds, slowdown.seconds / slowdown.first_seconds);
  if (threads == 1) return start;
  return start +
         ", which makes threads wait for each other. Fewer of them suffer less: dltool resume RUN "
         "--set train.threads=measured goes on with as many as are fastest now";
}

}  // namespace dl
