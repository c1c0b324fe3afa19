#pragma once

#include <cstdint>
#include <optional>

#include "engine/config/run_config.h"

namespace dl {

/// When a checkpoint is due: at the end of every so many epochs, and after every so many steps, but
/// not before `seconds` have passed since the last save; what came due meanwhile is saved then.
struct SaveRule {
  std::optional<std::int64_t> epochs = {}, steps = {};
  double seconds = 0;
};

/// train.checkpoint.every with its defaults: every epoch unless steps are said; ten seconds unless
/// epochs or steps are.
SaveRule save_rule(const CheckpointEvery& every);

/// How far training is, and when; or was at the last save.
struct SaveMoment {
  std::int64_t epoch = 0, step = 0;
  double seconds = 0;  // of any clock that only goes on
};

/// Whether a checkpoint is due in the middle of an epoch.
bool due_in_epoch(const SaveRule& rule, const SaveMoment& last, const SaveMoment& now);

/// What is known of an epoch that has ended.
struct EpochEnd {
  bool best = false;       // it is the best so far
  bool ends_run = false;   // nothing follows
  bool best_held = false;  // one before it, which was the best, is kept in memory
};
/// What becomes of it. The best that is held and has been overtaken is dropped; otherwise it is
/// always written before what follows it.
enum class EpochSave { nothing, hold, write_held, save };
EpochSave at_epoch_end(const SaveRule& rule, const SaveMoment& last, const SaveMoment& now,
                       const EpochEnd& end);

}  // namespace dl
