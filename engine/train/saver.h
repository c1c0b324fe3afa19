#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "core/stop_flag.h"
#include "engine/sinks/sink.h"
#include "engine/train/held_checkpoint.h"
#include "engine/train/run_folder.h"
#include "engine/train/save_rule.h"
#include "engine/train/setup.h"
#include "engine/train/train_state.h"
#include "engine/train/updater.h"

namespace dl {

/// Saves the checkpoints of a run when they are due. The best since the last save is kept in memory
/// until then, and written before whatever follows it: neither an end nor a stop loses it.
class Saver {
 public:
  /// What it saves, and where; all borrowed.
  struct Parts {
    FileSystem& files;
    RunFolder& folder;
    const CheckpointConfig& config;
    /// Views of what belongs to the state as it is now.
    std::function<CheckpointContent(const TrainState&)> content;
    HeldCheckpoint::IsFixed is_fixed;
    /// To be called before anything is written: the metrics that the checkpoint speaks of.
    std::function<void()> sync_metrics;
    /// Seconds, of any clock that only goes on.
    std::function<double()> clock;
    /// Learns that a save is under way, which no deadline of a stop may cut.
    StopFlag& stop;
  };
  explicit Saver(Parts parts);

  /// Whom to tell of what was saved; nobody before that.
  void tell(Sinks& sinks) { sinks_ = &sinks; }
  /// Training goes on, or begins, at `state`, which needs no saving.
  void begin(const TrainState& state);

  /// Whether a checkpoint is due in the middle of an epoch.
  bool due(const TrainState& state) const;
  /// Saves the state, and before that what is held.
  void save(const TrainState& state, bool best = false);
  /// Does what is due at an epoch's end; `ends_run`: nothing follows.
  void end_epoch(const TrainState& state, bool best, bool ends_run);
  /// Writes the best that is held, if there is one.
  void write_held();
  /// The same where nothing follows that could be held: its memory is given back.
  void close();

 private:
  SaveMoment now(const TrainState& state) const;
  void hold(const TrainState& state);
  void write(std::int64_t step, const CheckpointContent& content, bool best);

  Parts parts_;
  SaveRule rule_;
  SaveMoment last_;
  HeldCheckpoint held_;
  Sinks* sinks_ = nullptr;
};

/// The weights that stay as they are while the store is frozen as it is.
HeldCheckpoint::IsFixed fixed_weights(const WeightStore& store, const Updater& updater);

/// The memory that holding the best takes; 0 where no epoch is judged, or each best is saved at
/// once.
std::size_t held_best_bytes(const Setup& setup, const WeightStore& store, const Updater& updater);

}  // namespace dl
