#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/setup.h"

namespace dl {

/// Tries a training step with 1, half of and all threads, and tells which is fastest. It is told
/// the times, so that it needs no clock.
class ThreadTrial {
 public:
  struct Candidate {
    int threads = 1;
    int steps = 0;  // that were timed, the one apart that warms up
    double total_ms = 0;
    double first_ms = 0;  // of the one that warms up
    bool given_up = false;
    double step_ms() const { return total_ms / steps; }
  };

  explicit ThreadTrial(int most);
  /// The threads to run one more step with; 0 when all is known.
  int next() const;
  /// What that step took.
  void add(double ms);
  const std::vector<Candidate>& candidates() const { return candidates_; }
  /// Of equals the one with fewer threads.
  int fastest() const;

 private:
  const Candidate& best_of_those_done() const;
  bool is_lost(const Candidate& candidate) const;

  std::vector<Candidate> candidates_;
  std::size_t now_ = 0;
  bool warm_ = false;
};

/// Sets the threads that training computes with. Where train.threads is `measured` they are found
/// out first, and the setup's resolved config says from then on how many they are. Adds to the
/// notes what the user should be told, also of a machine that is busy.
void choose_threads(Setup& setup, std::vector<std::string>& notes);

/// A resolved config with a number in the place of train.threads' word.
std::string with_threads(const std::string& resolved_text, int threads);

}  // namespace dl
