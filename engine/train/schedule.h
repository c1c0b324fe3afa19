#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/params.h"

namespace dl {

/// What a schedule knows of the training as a whole.
struct ScheduleContext {
  double base_lr = 0;
  std::int64_t epochs = 1;
  std::int64_t steps_per_epoch = 1;
  std::int64_t steps() const { return epochs * steps_per_epoch; }
};

/// Where the training is: both count from 0.
struct Progress {
  std::int64_t epoch = 0;
  std::int64_t step = 0;
};

/// What `plateau` remembers; belongs into a checkpoint. Other schedules leave it alone.
struct ScheduleState {
  double scale = 1;  // of the base learning rate
  std::optional<double> best;
  std::int64_t bad_epochs = 0;
  std::int64_t cooldown = 0;
};

/// The learning rate, and perhaps the momentum, as a function of progress.
class Schedule {
 public:
  virtual ~Schedule() = default;
  virtual double lr(const ScheduleContext& context, const Progress& progress,
                    const ScheduleState& state) const = 0;
  /// What stands in for the momentum of an optimiser that has one; none: its own stays.
  virtual std::optional<double> momentum(const ScheduleContext&, const Progress&) const {
    return std::nullopt;
  }
  /// After an epoch's evaluation, with the monitored metric.
  virtual void on_epoch_end(const ScheduleContext&, ScheduleState&, double /*metric*/,
                            bool /*lower_is_better*/) const {}
  /// Whether on_epoch_end needs a metric.
  virtual bool watches_metric() const { return false; }
};

const std::vector<Kind<std::unique_ptr<Schedule>>>& all_schedules();

/// Linear growth from start_factor to 1, step by step (torch.optim.lr_scheduler.LinearLR);
/// multiplies what the schedule says.
struct Warmup {
  std::optional<std::int64_t> epochs, steps;
  double start_factor = 0.1;

  double factor(const ScheduleContext& context, std::int64_t step) const;
};
ParamTable<Warmup> warmup_table();
/// Throws UserError when neither or both of epochs and steps are said, or when the warm-up is
/// longer than the training's `epochs`.
Warmup read_warmup(const ConfigNode& node, std::optional<std::int64_t> epochs = {});

}  // namespace dl
