#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/optimizer.h"

namespace dl {

struct Setup;

/// Epochs of a run in which the same weights are trained. A run without phases is one.
struct Phase {
  std::int64_t first_epoch = 0, epochs = 0;                    // counted from 0
  std::int64_t schedule_first_epoch = 0, schedule_epochs = 0;  // of the schedule that it is part of
  bool restarts_schedule = true;
  std::vector<std::string> frozen;  // weights and statistics
  std::vector<ParamSlice> slices;   // of those that are trained

  std::int64_t end() const { return first_epoch + epochs; }
  bool trains(const std::string& name) const;
};

/// The phases of a setup whose own frozen weights are known. Throws UserError for a glob that
/// matches nothing, and for a phase that has nothing to train.
std::vector<Phase> phases_of(const Setup& setup);

/// Which of them an epoch, from 0, is part of; the last one when all are done.
std::size_t phase_at(const std::vector<Phase>& phases, std::int64_t epoch);

}  // namespace dl
