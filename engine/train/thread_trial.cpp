#include "engine/train/thread_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "core/parallel.h"
#include "core/text.h"
#include "engine/config/yaml_file.h"
#include "engine/train/environment.h"
#include "engine/train/machine_load.h"
#include "engine/train/training_step.h"

namespace dl {
namespace {

// A candidate is timed for so long, in which stalls that come now and then have shown, and for some
// steps at least; where they take very long for one.
constexpr double kEnoughMs = 200;
constexpr int kFewSteps = 3;
constexpr double kTooLongMs = 1000;

bool is_enough(const ThreadTrial::Candidate& candidate) {
  return (candidate.steps >= kFewSteps && candidate.total_ms >= kEnoughMs) ||
         (candidate.steps >= 1 && candidate.total_ms >= kTooLongMs);
}

std::string trial_note(const ThreadTrial& trial) {
  std::vector<std::string> times;
  for (const ThreadTrial::Candidate& candidate : trial.candidates()) {
    const double ms = candidate.steps == 0 ? candidate.first_ms : candidate.step_ms();
    times.push_back(fmt::format("{:.3g} ms with {}{}", ms, candidate.threads,
                                candidate.given_up ? " (given up)" : ""));
  }
  const int threads = trial.fastest();
  return fmt::format("train.threads: measured: a step takes {}; {} thread{} from now on",
                     join(times, ", "), threads, threads == 1 ? " computes" : "s compute");
}

int measured_threads(const Setup& setup, std::vector<std::string>& notes) {
  ThreadTrial trial(use_threads(usable_cores()));
  std::unique_ptr<TrainingStep> step;
  int threads = 0;
  while (const int next = trial.next()) {
    if (next != threads) {
      step.reset();
      use_threads(threads = next);
      step = std::make_unique<TrainingStep>(setup);
    }
    trial.add(step->run_ms());
  }
  if (trial.candidates().size() > 1) notes.push_back(trial_note(trial));
  return trial.fastest();
}

}  // namespace

ThreadTrial::ThreadTrial(int most) {
  for (const int threads : std::set<int>{1, (most + 1) / 2, most})
    candidates_.push_back({.threads = threads});
}

int ThreadTrial::next() const {
  const bool one = candidates_.size() == 1;  // there is nothing to find out
  return !one && now_ < candidates_.size() ? candidates_[now_].threads : 0;
}

void ThreadTrial::add(double ms) {
  Candidate& candidate = candidates_[now_];
  if (!std::exchange(warm_, true) && ms < kTooLongMs) {
    candidate.first_ms = ms;
  } else {
    ++candidate.steps;
    candidate.total_ms += ms;
  }
  candidate.given_up = is_lost(candidate);
  if (!candidate.given_up && !is_enough(candidate)) return;
  ++now_;
  warm_ = false;
}

/// Whether it cannot be the fastest any more: beside other work each further step may stall for
/// half a second.
bool ThreadTrial::is_lost(const Candidate& candidate) const {
  constexpr double kLongestFirstMs = 100;  // where all of the others' steps took less
  if (now_ == 0) return false;
  const Candidate& best = best_of_those_done();
  return candidate.total_ms > best.total_ms + kEnoughMs ||
         candidate.first_ms > std::max(kLongestFirstMs, best.first_ms + best.total_ms);
}

const ThreadTrial::Candidate& ThreadTrial::best_of_those_done() const {
  const auto slower = [](const Candidate& a, const Candidate& b) {
    if (a.given_up != b.given_up) return b.given_up;
    return !a.given_up && a.step_ms() < b.step_ms();
  };
  return *std::min_element(candidates_.begin(),
                           candidates_.begin() + static_cast<std::ptrdiff_t>(now_), slower);
}

int ThreadTrial::fastest() const {
  return candidates_.size() == 1 ? candidates_[0].threads : best_of_those_done().threads;
}

std::string with_threads(const std::string& resolved_text, int threads) {
  Problems problems;
  const auto file = std::make_shared<const SourceFile>("config.resolved.yaml", resolved_text);
  const ConfigNode root = parse_yaml(file, problems);
  const ConfigNode& word = *root.find("train")->find("threads");
  std::size_t line = 0;
  for (int i = 1; i < word.mark().line; ++i) line = resolved_text.find('\n', line) + 1;
  std::string text = resolved_text;
  const std::size_t at =
      text.find(word.text(), line + static_cast<std::size_t>(word.mark().column) - 1);
  return text.replace(at, word.text().size(), std::to_string(threads));
}

void choose_threads(Setup& setup, std::vector<std::string>& notes) {
  ComputeThreads& threads = setup.config.train.threads;
  const int most = threads.count > 0 ? threads.count : usable_cores();
  if (std::string note = load_note(threads.measured ? 1 : most); !note.empty())
    notes.push_back(std::move(note));
  if (threads.measured) {
    threads = {.count = measured_threads(setup, notes)};
    setup.config.resolved_text = with_threads(setup.config.resolved_text, threads.count);
  }
  use_threads_of(setup.config, notes);
}

}  // namespace dl
