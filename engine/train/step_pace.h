#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

namespace dl {

/// Notices when batches take several times as long as the first ones did. It is told their times.
class StepPace {
 public:
  struct Slowdown {
    double first_seconds, seconds;  // of a batch
  };
  /// What one more batch took. A slowdown is returned once.
  std::optional<Slowdown> add(double seconds);

 private:
  static constexpr std::size_t kFirst = 11;
  std::array<double, kFirst> first_{};
  std::size_t seen_ = 0;
  double reference_ = 0;
  double window_seconds_ = 0;
  int window_batches_ = 0;
  bool told_ = false;
};

/// For who trains with so many threads.
std::string slowdown_note(const StepPace::Slowdown& slowdown, int threads);

}  // namespace dl
