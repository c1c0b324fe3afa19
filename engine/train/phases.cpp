#include "engine/train/phases.h"

#include <algorithm>

#include "core/glob.h"
#include "engine/train/frozen_weights.h"
#include "engine/train/setup.h"

namespace dl {
namespace {

/// A factor of something that is not trained would do nothing.
void expect_effect(const ConfigNode& lr_mult, const std::vector<ParamSlice>& trained,
                   Problems& problems) {
  for (const ConfigNode::Entry& entry : lr_mult.entries()) {
    const auto matches = [&](const ParamSlice& slice) {
      return glob_matches(entry.key, slice.name);
    };
    if (std::ranges::none_of(trained, matches)) {
      problems.add(entry.key_mark,
                   "phases: lr_mult: '" + entry.key +
                       "' has no effect, since all that it matches is "
                       "frozen in this phase",
                   "leave it out, or take it back in the phase's freeze: '!" + entry.key + "'");
    }
  }
}

/// A phase's slices: its own factors in place of the optimiser's, and nothing that is frozen.
std::vector<ParamSlice> slices_of(const Setup& setup, const PhaseConfig& config,
                                  const std::vector<std::string>& frozen) {
  std::vector<ParamSlice> slices = setup.slices;
  Problems problems;
  try {
    if (config.lr_mult) set_multipliers(*config.lr_mult, slices);
  } catch (const UserError& error) {
    problems.add(error, "phases: ");
  }
  problems.throw_if_any();
  std::erase_if(
      slices, [&](const ParamSlice& slice) { return std::ranges::count(frozen, slice.name) > 0; });
  if (config.lr_mult && !slices.empty()) expect_effect(*config.lr_mult, slices, problems);
  problems.throw_if_any();
  return slices;
}

Phase whole_run(const Setup& setup) {
  const std::int64_t epochs = setup.config.train.epochs;
  return {.epochs = epochs,
          .schedule_epochs = epochs,
          .frozen = setup.frozen,
          .slices = slices_of(setup, {}, setup.frozen)};
}

Phase phase_of(const Setup& setup, const PhaseConfig& config) {
  Phase phase{.epochs = config.epochs,
              .restarts_schedule = config.schedule == PhaseSchedule::restart,
              .frozen = setup.frozen,
              .slices = {}};
  if (config.freeze) {
    const auto norms =
        setup.config.finetune ? setup.config.finetune->batch_norm : FrozenNorms::frozen;
    phase.frozen = frozen_weights(setup.graph, *config.freeze, norms, "phases: freeze: ");
  }
  phase.slices = slices_of(setup, config, phase.frozen);
  if (phase.slices.empty()) {
    throw UserError(config.mark, "phases: freeze: leaves nothing to train",
                    "take a layer back with '!fc'");
  }
  return phase;
}

}  // namespace

bool Phase::trains(const std::string& name) const {
  return std::ranges::any_of(slices, [&](const ParamSlice& slice) { return slice.name == name; });
}

std::vector<Phase> phases_of(const Setup& setup) {
  if (setup.config.phases.empty()) return {whole_run(setup)};
  std::vector<Phase> phases;
  std::size_t schedule = 0;  // the phase with which the schedule began
  for (const PhaseConfig& config : setup.config.phases) {
    Phase phase = phase_of(setup, config);
    phase.first_epoch = phases.empty() ? 0 : phases.back().end();
    if (phase.restarts_schedule || phases.empty()) schedule = phases.size();
    phases.push_back(std::move(phase));
    std::int64_t epochs = 0;
    for (std::size_t i = schedule; i < phases.size(); ++i) epochs += phases[i].epochs;
    for (std::size_t i = schedule; i < phases.size(); ++i) {
      phases[i].schedule_first_epoch = phases[schedule].first_epoch;
      phases[i].schedule_epochs = epochs;
    }
  }
  return phases;
}

std::size_t phase_at(const std::vector<Phase>& phases, std::int64_t epoch) {
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (epoch < phases[i].end()) return i;
  }
  return phases.size() - 1;
}

}  // namespace dl
