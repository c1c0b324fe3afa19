#include "engine/train/save_rule.h"

namespace dl {
namespace {

/// Whether a multiple of `every` was passed, or reached.
bool passed(std::optional<std::int64_t> every, std::int64_t last, std::int64_t now) {
  return every && now / *every > last / *every;
}

bool waited(const SaveRule& rule, const SaveMoment& last, const SaveMoment& now) {
  return now.seconds - last.seconds >= rule.seconds;
}

}  // namespace

SaveRule save_rule(const CheckpointEvery& every) {
  constexpr double kSeconds = 10;
  const bool said = every.epochs || every.steps;
  SaveRule rule{.epochs = every.epochs,
                .steps = every.steps,
                .seconds = every.seconds.value_or(said ? 0 : kSeconds)};
  if (!said) rule.epochs = 1;
  return rule;
}

bool due_in_epoch(const SaveRule& rule, const SaveMoment& last, const SaveMoment& now) {
  return passed(rule.steps, last.step, now.step) && waited(rule, last, now);
}

EpochSave at_epoch_end(const SaveRule& rule, const SaveMoment& last, const SaveMoment& now,
                       const EpochEnd& end) {
  if (end.ends_run) return EpochSave::save;
  const bool due =
      passed(rule.epochs, last.epoch, now.epoch) || passed(rule.steps, last.step, now.step);
  if (waited(rule, last, now)) {
    if (due || end.best) return EpochSave::save;
    return end.best_held ? EpochSave::write_held : EpochSave::nothing;
  }
  return end.best ? EpochSave::hold : EpochSave::nothing;
}

}  // namespace dl
