#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/sinks/diagnosis.h"

namespace dl {

/// Figures of an epoch or a step by name: "loss", "top1" (fractions 0..1), in the order they are
/// printed.
using Metrics = std::vector<std::pair<std::string, double>>;

/// What is known of a run before its first step.
struct RunStart {
  std::string name;
  std::string folder;
  std::int64_t epochs = 0;
  std::int64_t steps_per_epoch = 0;
  std::int64_t epoch = 0;            // where it starts: not 0 when it is resumed
  std::int64_t log_every = 50;       // steps between plain progress lines
  std::vector<std::string> metrics;  // names, in order
  std::vector<std::string> notes;    // sentences worth saying: what is left out, what changed
};

/// The running epoch, after a step.
struct StepReport {
  std::int64_t epoch = 0;          // from 1
  std::int64_t step_in_epoch = 0;  // from 1
  Metrics metrics;                 // means over the epoch so far
  double samples_per_second = 0;
  double seconds_left = 0;  // of the epoch
};

/// Work before training that takes its time.
struct WorkReport {
  std::string_view what;  // "computing features of train"
  std::int64_t done = 0, total = 0;
  double seconds = 0;  // so far
};

/// A finished pass over a split: a line of metrics.jsonl.
struct EpochReport {
  std::int64_t epoch = 0;  // from 1
  std::int64_t step = 0;   // optimiser steps so far
  std::string split;       // "train", "valid", "test"
  Metrics metrics;
  double lr = 0;
  double samples_per_second = 0;
  double seconds = 0;
  double wait_share = 0;  // of the time, spent waiting for data
};

/// How a run ended.
struct RunEnd {
  std::string outcome;  // "completed", "stopped early", "interrupted by SIGINT", ...
  std::string folder;
  std::optional<EpochReport> result;  // of the weights that the run recommends, on test or valid
  std::string weights;                // "best, epoch 12"
  double seconds = 0;
  std::vector<std::string> next = {};  // lines that tell a person what to type
};

/// Where a run's news go. All calls come from the engine thread.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_start(const RunStart&) {}
  /// Whether the report of that step would be shown: most are not, and to make one takes time.
  virtual bool wants_step(std::int64_t /*step_in_epoch*/) const { return false; }
  virtual void on_step(const StepReport&) {}
  virtual void on_work(const WorkReport&) {}
  virtual void on_epoch(const EpochReport&) {}
  virtual void on_diagnosis(const Diagnosis&) {}
  virtual void on_note(const std::string& /*sentence*/) {}
  virtual void on_end(const RunEnd&) {}
};

/// All sinks of a run, told one after the other.
class Sinks {
 public:
  void add(std::unique_ptr<Sink> sink) { sinks_.push_back(std::move(sink)); }
  bool wants_step(std::int64_t step_in_epoch) const {
    return std::ranges::any_of(sinks_,
                               [&](const auto& sink) { return sink->wants_step(step_in_epoch); });
  }
  template <class Report>
  void tell(void (Sink::*what)(const Report&), const std::type_identity_t<Report>& report) {
    for (const auto& sink : sinks_) (sink.get()->*what)(report);
  }

 private:
  std::vector<std::unique_ptr<Sink>> sinks_;
};

/// "0.1234", "97.50 %": in the metric's format.
std::string metric_text(const std::string& metric, double value);
/// "loss 0.1234  top1 97.50 %"
std::string metrics_text(const Metrics& metrics);
/// "1:02:03", "2:03", "4.5 s"
std::string duration_text(double seconds);

}  // namespace dl
