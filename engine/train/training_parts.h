#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/train/diagnostics.h"
#include "engine/train/memory_use.h"
#include "engine/train/updater.h"
#include "engine/train/workspace.h"

namespace dl {

/// Whether what cannot start is refused, or only what it would take is asked: memory that is not
/// there, and a place for features that has none.
enum class StartLimits { enforced, ignored };

/// What a training consists of apart from where it is written: batches, weights, the programs of
/// each phase, and the memory of all. `train` and `check` both begin with these, so that both
/// refuse the same: whatever a user can cause is thrown as UserError, before a step is made. What
/// is not refused takes no memory until allocate().
struct TrainingParts {
  /// Opens `data` and records the programs of all phases; those of the first are kept. All is
  /// borrowed.
  TrainingParts(const Setup& setup, OpenData& data, StartLimits limits = StartLimits::enforced);
  TrainingParts(const TrainingParts&) = delete;
  TrainingParts& operator=(const TrainingParts&) = delete;

  /// Memory for the weights, zero as yet, and for all that goes with them.
  void allocate();
  /// The programs that the store as it is frozen needs, in place of those that are there. Throws
  /// where their memory is more than there is.
  void record_programs();

  const Setup& setup;
  OpenData& data;
  std::unique_ptr<Batches> train, valid, test;  // the last two where there are such data
  Meter meter;
  WeightStore store;
  std::vector<ParamSlice> slices;  // that are trained
  std::optional<Updater> updater;
  std::optional<Programs> programs;
  std::optional<Diagnostics> diagnostics;
  MemoryUse memory;

 private:
  void make_updater();

  StartLimits limits_;
  MemoryPart process_;  // before the weights and all that belongs to them were written
};

/// Throws UserError where train.cache_features names a place and there is nothing to keep in it.
void check_features(const Setup& setup);

/// The same as far as no data are needed: the programs of whole batches.
void check_programs(const Setup& setup);

/// The memory that a training would take, by what takes it, whether there is so much or not: with
/// the data, where they are there, else as if all batches were whole.
MemoryUse expected_memory(const Setup& setup);

}  // namespace dl
