#include "engine/train/run_training.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/parallel.h"
#include "engine/train/best.h"
#include "engine/train/monitor.h"
#include "engine/train/step_batches.h"
#include "engine/train/step_pace.h"

namespace dl {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What a training loop needs besides its job: buffers that are sized once.
struct Loop {
  Job& job;
  TrainState& state;
  Monitor monitor;
  StepBatches batches;
  Clock::time_point began = Clock::now();
  Clock::time_point last = began;
  std::vector<const void*> tensors = {};
  double elapsed_before = 0;
  bool told_undefined = false;
  StepPace pace = {};
};

/// What schedule and warm-up say for that step of the running epoch.
Rates rates_of(const Job& job, const TrainState& state, std::int64_t step) {
  const Schedule& schedule = *job.setup.schedule;
  const ScheduleContext context = job.schedule_context();
  const std::int64_t before = job.phase.schedule_first_epoch;
  const Progress at{state.epoch - before, step - before * context.steps_per_epoch};
  const double warmth = job.setup.warmup ? job.setup.warmup->factor(context, at.step) : 1.0;
  return {schedule.lr(context, at, state.schedule) * warmth, schedule.momentum(context, at)};
}

bool losses_are_finite(const Program& program) {
  for (std::size_t i = 0; i < program.loss_count(); ++i) {
    if (!std::isfinite(program.loss(i).mean)) return false;
  }
  return true;
}

/// Forward and backward of one batch, and the update that it may complete. False: a loss, a
/// gradient or a running statistic was not finite.
bool train_batch(Loop& loop, const Batch& batch, bool completes_step) {
  Job& job = loop.job;
  TrainState& state = loop.state;
  const std::int64_t per_step = job.setup.batches_per_step();
  point_at(batch, loop.tensors);
  Program& program = job.programs.get(Purpose::train, static_cast<std::int64_t>(batch.samples));
  Diagnostics* diagnostics =
      job.diagnostics && job.diagnostics->due(state.step + 1) ? job.diagnostics : nullptr;
  job.updater.before_batch();
  loop.batches.scale_losses(program);
  program.run(loop.tensors, {.seed = job.setup.config.seed,
                             .step = state.step,
                             .micro_batch = state.batch % per_step,
                             .diagnose = diagnostics != nullptr});
  job.meter.add(program, loop.tensors, state.sums);
  const double weight = loop.batches.weight(program);
  if (diagnostics) diagnostics->add_batch(program, weight);
  job.updater.add_batch(weight, losses_are_finite(program));
  ++state.batch;
  if (!completes_step) return true;
  const Rates rates = rates_of(job, state, state.step);
  const bool finite = job.updater.update(rates, state.step - state.skipped + 1, diagnostics);
  if (!finite) ++state.skipped;
  state.skipped_in_row = finite ? 0 : state.skipped_in_row + 1;
  ++state.step;
  if (diagnostics)
    job.sinks.tell(&Sink::on_diagnosis, diagnostics->finish(state.epoch + 1, state.step));
  return finite;
}

void report_step(Loop& loop) {
  const TrainState& state = loop.state;
  const std::int64_t per_step = loop.job.setup.batches_per_step();
  StepReport report;
  report.epoch = state.epoch + 1;
  report.step_in_epoch = (state.batch + per_step - 1) / per_step;
  if (!loop.job.sinks.wants_step(report.step_in_epoch)) return;
  report.metrics = loop.job.meter.metrics(state.sums, Purpose::train);
  const double seconds = std::max(state.sums.seconds, 1e-9);
  report.samples_per_second = static_cast<double>(state.sums.samples) / seconds;
  const auto left = static_cast<double>(loop.job.train.samples_per_epoch()) -
                    static_cast<double>(state.sums.samples);
  report.seconds_left =
      left * seconds / std::max<double>(1.0, static_cast<double>(state.sums.samples));
  loop.job.sinks.tell(&Sink::on_step, report);
}

void count_time(Loop& loop) {
  const auto now = Clock::now();
  loop.state.sums.seconds += std::chrono::duration<double>(now - loop.last).count();
  loop.last = now;
  loop.state.elapsed_seconds = loop.elapsed_before + seconds_since(loop.began);
}

/// For whoever waits for an answer to a signal, and for whoever waits for the run.
void batch_done(Loop& loop, double seconds) {
  loop.job.stop.batch_done(seconds);
  if (const auto slowdown = loop.pace.add(seconds))
    loop.job.sinks.tell(&Sink::on_note, slowdown_note(*slowdown, thread_count()));
}

/// Why training must end after this step, if it must.
std::optional<Outcome> end_after_step(const Loop& loop) {
  const auto max_steps = loop.job.setup.config.train.max_steps;
  if (loop.job.stop.requested()) return Outcome::interrupted;
  if (max_steps && loop.state.step >= *max_steps) return Outcome::max_steps;
  if (seconds_since(loop.began) >= loop.job.max_seconds) return Outcome::out_of_time;
  return std::nullopt;
}

/// A resumed run may have ended already, and died before it could say so.
std::optional<Outcome> ended_before(const Loop& loop) {
  const TrainConfig& config = loop.job.setup.config.train;
  if (config.max_steps && loop.state.step >= *config.max_steps) return Outcome::max_steps;
  if (stopped_early(config, loop.state)) return Outcome::stopped_early;
  return std::nullopt;
}

bool may_skip(const TrainConfig& config, const TrainState& state) {
  return config.on_nonfinite == OnNonfinite::skip && state.skipped_in_row <= config.skip_limit;
}

/// The rest of the running epoch, without evaluation. An outcome: training ends here, and the state
/// is saved.
std::optional<Outcome> train_epoch(Loop& loop) {
  Job& job = loop.job;
  TrainState& state = loop.state;
  const std::int64_t per_step = job.setup.batches_per_step();
  const auto batches = static_cast<std::int64_t>(job.train.per_epoch());
  const double waited_before = state.sums.wait_seconds;
  loop.batches.start(static_cast<std::uint64_t>(state.epoch),
                     static_cast<std::size_t>(state.batch));
  if (state.batch == 0) job.programs.reset_states(Purpose::train);
  loop.last = Clock::now();
  while (const Batch* batch = loop.batches.next()) {
    const bool completes = (state.batch + 1) % per_step == 0 || state.batch + 1 == batches;
    const auto began = Clock::now();
    const bool finite = train_batch(loop, *batch, completes);
    batch_done(loop, seconds_since(began));
    if (!finite) {
      if (!may_skip(job.setup.config.train, state)) return Outcome::diverged;
      job.sinks.tell(&Sink::on_note,
                     "step " + std::to_string(state.step) +
                         " left out: a loss, a gradient or a running statistic is not finite");
      job.programs.reset_states(Purpose::train);  // they may not be finite either
    }
    state.sums.wait_seconds = waited_before + job.train.wait_seconds();
    count_time(loop);
    if (!completes) continue;
    report_step(loop);
    const std::optional<Outcome> end = end_after_step(loop);
    const bool epoch_done = state.batch == batches;
    // After an epoch's last step there is its end to come, where it is judged and saved.
    if (job.save_now.exchange(false) || (!epoch_done && (end || job.saver.due(state))))
      job.saver.save(state);
    if (end && !epoch_done) {
      if (end != Outcome::interrupted) {
        job.sinks.tell(&Sink::on_note, "epoch " + std::to_string(state.epoch + 1) + " ends after " +
                                           std::to_string(state.batch) + " of its " +
                                           std::to_string(batches) +
                                           " batches, and is not evaluated");
      }
      return end;
    }
  }
  if (job.stop.requested()) {
    job.saver.save(state);
    return Outcome::interrupted;
  }
  return std::nullopt;
}

std::optional<double> metric_of(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  return std::nullopt;
}

/// Counts the epochs that train.stop waits for, and keeps the best; true when this epoch is it.
bool keep_best(const Loop& loop, TrainState& state, const Judged& now) {
  const bool lower = loop.monitor.metric.lower_is_better();
  const auto& stop = loop.job.setup.config.train.stop;
  ++state.epochs_since_best;
  if (is_improvement(now.value, state.stop_reference, lower, stop ? stop->min_delta : 0.0)) {
    state.stop_reference = now.value;
    state.epochs_since_best = 0;
  }
  std::optional<Judged> best;
  if (state.best) best = Judged{*state.best, state.best_loss.value_or(kNoLoss)};
  if (!is_best(now, best, lower)) return false;
  state.best = now.value;
  state.best_loss = now.loss;
  state.best_epoch = state.epoch;
  state.best_step = state.step;
  return true;
}

/// The monitored metric in one of the reports of an epoch; none: that is of another split.
std::optional<Judged> judged(const Monitor& monitor, const EpochReport& report) {
  if (monitor.split != report.split) return std::nullopt;
  const auto value = metric_of(report.metrics, monitor.metric.name);
  if (!value) return std::nullopt;
  return Judged{*value, metric_of(report.metrics, "loss").value_or(kNoLoss)};
}

/// Once; what is not defined on a split stays so, most often.
void tell_undefined(Loop& loop, const MetricSums& valid) {
  if (std::exchange(loop.told_undefined, true)) return;
  for (const std::string& sentence : loop.job.meter.undefined(valid))
    loop.job.sinks.tell(&Sink::on_note, "valid: " + sentence);
}

/// Evaluation, reports, schedule, best and checkpoint at the end of an epoch.
std::optional<Outcome> finish_epoch(Loop& loop) {
  Job& job = loop.job;
  TrainState& state = loop.state;
  std::optional<MetricSums> valid;
  if (job.valid) {
    job.updater.swap_average();
    valid = evaluate(job.programs, job.meter, *job.valid, job.stop);
    job.updater.swap_average();
    if (!valid) {
      job.saver.save(state);  // the epoch's batches are done, its evaluation is not
      return Outcome::interrupted;
    }
    tell_undefined(loop, *valid);
  }
  EpochReport train = make_report(job.meter, state.sums, Purpose::train, "train", state);
  train.lr =
      rates_of(job, state, std::max<std::int64_t>(state.step - 1, 0)).lr;  // of the last step
  ++state.epoch;
  state.batch = 0;
  state.sums = {};
  train.epoch = state.epoch;
  job.sinks.tell(&Sink::on_epoch, train);
  std::optional<Judged> watched = judged(loop.monitor, train);
  if (valid) {
    EpochReport report = make_report(job.meter, *valid, Purpose::evaluate, "valid", state);
    add_baselines(*job.valid, report.metrics);
    report.lr = train.lr;
    job.sinks.tell(&Sink::on_epoch, report);
    if (loop.monitor.split == "valid") watched = judged(loop.monitor, report);
  }
  const bool best = watched && keep_best(loop, state, *watched);
  if (watched)
    job.setup.schedule->on_epoch_end(job.schedule_context(), state.schedule, watched->value,
                                     loop.monitor.metric.lower_is_better());

  const TrainConfig& config = job.setup.config.train;
  const bool stops = watched && stopped_early(config, state);
  const bool last = state.epoch >= config.epochs || stops;
  state.elapsed_seconds = loop.elapsed_before + seconds_since(loop.began);
  const std::optional<Outcome> end = end_after_step(loop);
  job.saver.end_epoch(state, best, last || end);
  if (stops) return Outcome::stopped_early;
  return last ? Outcome::completed : end;
}

}  // namespace

std::int64_t Job::steps_per_epoch() const { return setup.steps_per_epoch(train); }

ScheduleContext Job::schedule_context() const {
  return {.base_lr = setup.optimizer.lr,
          .epochs = phase.schedule_epochs,
          .steps_per_epoch = steps_per_epoch()};
}

bool stopped_early(const TrainConfig& config, const TrainState& state) {
  return config.stop && state.epochs_since_best >= config.stop->patience;
}

std::string_view outcome_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::completed:
      return "completed";
    case Outcome::stopped_early:
      return "stopped early";
    case Outcome::max_steps:
      return "reached max_steps";
    case Outcome::out_of_time:
      return "out of time";
    case Outcome::interrupted:
      return "interrupted";
    case Outcome::diverged:
      return "diverged";
  }
  return "?";
}

Outcome run_training(Job& job, TrainState& state) {
  Loop loop{.job = job,
            .state = state,
            .monitor = choose_monitor(
                job.setup, job.meter, job.valid != nullptr,
                job.valid ? std::optional(job.valid->samples_per_epoch()) : std::nullopt),
            .batches = StepBatches(job.train, job.programs, job.setup.batches_per_step())};
  loop.elapsed_before = state.elapsed_seconds;
  if (const auto end = ended_before(loop)) return *end;
  while (state.epoch < job.phase.end()) {
    if (const auto end = train_epoch(loop)) return *end;
    if (const auto end = finish_epoch(loop)) return *end;
  }
  return Outcome::completed;
}

std::optional<MetricSums> evaluate(Programs& programs, const Meter& meter, Batches& batches,
                                   const StopFlag& stop, ConfusionMatrix* confusion) {
  MetricSums sums;
  std::optional<KeptScores> scores = meter.room_for_scores(batches.samples_per_epoch());
  std::vector<const void*> tensors;
  const auto began = Clock::now();
  batches.start(0);
  programs.reset_states(Purpose::evaluate);
  while (const Batch* next = batches.next()) {
    if (stop.requested()) return std::nullopt;
    point_at(*next, tensors);
    Program& program = programs.get(Purpose::evaluate, static_cast<std::int64_t>(next->samples));
    program.run(tensors, {});
    meter.add(program, tensors, sums, {confusion, scores ? &*scores : nullptr});
  }
  if (stop.requested()) return std::nullopt;
  if (scores) sums.rankings = meter.rankings(*scores);
  sums.seconds = seconds_since(began);
  sums.wait_seconds = batches.wait_seconds();
  return sums;
}

void add_baselines(const Batches& batches, Metrics& metrics) {
  for (auto& baseline : batches.dataset().baselines()) metrics.push_back(std::move(baseline));
}

std::vector<std::string> evaluated_metrics(const Meter& meter, const Batches& batches) {
  std::vector<std::string> names;
  for (const MetricSpec& spec : meter.specs(Purpose::evaluate, batches.samples_per_epoch()))
    names.push_back(spec.name);
  for (const auto& [name, value] : batches.dataset().baselines()) names.push_back(name);
  return names;
}

std::vector<std::string> metric_names(const Meter& meter, std::span<Batches* const> evaluated) {
  Metrics baselines;
  for (const Batches* batches : evaluated) {
    if (batches && baselines.empty()) add_baselines(*batches, baselines);
  }
  std::vector<std::string> names = meter.names();
  for (const auto& [name, value] : baselines) names.push_back(name);
  return names;
}

EpochReport make_report(const Meter& meter, const MetricSums& sums, Purpose purpose,
                        const std::string& split, const TrainState& state) {
  const double seconds = std::max(sums.seconds, 1e-9);
  return {.epoch = state.epoch,
          .step = state.step,
          .split = split,
          .metrics = meter.metrics(sums, purpose),
          .lr = 0,
          .samples_per_second = static_cast<double>(sums.samples) / seconds,
          .seconds = sums.seconds,
          .wait_share = std::min(1.0, sums.wait_seconds / seconds)};
}

}  // namespace dl
