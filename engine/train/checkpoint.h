#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/file_system.h"
#include "engine/formats/safetensors.h"

namespace dl {

/// What a checkpoint holds. The views need to live only while it is saved.
struct CheckpointContent {
  std::vector<TensorView> model;    // weights and statistics, PyTorch's names
  std::vector<TensorView> optim;    // the optimiser's slots: "<slot>/<weight>"
  std::vector<TensorView> ema;      // averaged weights; empty: no ema.safetensors
  std::vector<TensorView> carried;  // recurrent layers' states; empty: no carried.safetensors
  std::string state;                // state.json
};

/// What of a checkpoint is kept in memory; every byte of it is verified in either case.
enum class Keep {
  all,
  weights,  // no optimizer's slots and carried states
};

/// A checkpoint in memory, every byte of it verified.
struct LoadedCheckpoint {
  std::string folder;     // as it was asked for; found ones have their real name, not a link's
  std::int64_t step = 0;  // optimiser steps done
  bool best = false;      // it was the best of its run when it was saved
  SafetensorsFile model, optim;
  std::optional<SafetensorsFile> ema, carried;
  std::string state;
};

/// Saves as docs/checkpoint_format.md says: a temporary folder, every file synced, MANIFEST last,
/// renamed, links moved, `saved` called with the folder's path, and only then old ones removed: the
/// `keep` newest stay, and those that `last` and `best` point at. The run folder must be locked.
/// Throws UserError (ExitCode::output); whatever fails, older checkpoints stay whole and nothing
/// half-written has a final name. A checkpoint of the same step is replaced, and if that one was
/// the best, this one is. Returns the folder's path.
std::string save_checkpoint(FileSystem& files, const std::string& run, std::int64_t step,
                            const CheckpointContent& content, bool best, std::int64_t keep,
                            const std::function<void(const std::string&)>& saved = {});

/// Loads one checkpoint folder, or a link to one. Throws UserError (ExitCode::weights) that says
/// what is wrong with it.
LoadedCheckpoint load_checkpoint(const std::string& folder, Keep keep = Keep::all);

/// Its state.json alone, verified; throws likewise.
std::string read_state(const std::string& folder);

/// Finishes what a writer that died left undone: removes what is half-written, points `last` at
/// `loaded`, the newest that is whole (none: there is no checkpoint), and `best` at the best, and
/// removes old ones. The run folder must be locked. Throws UserError (ExitCode::output).
void tidy_checkpoints(FileSystem& files, const std::string& run, const LoadedCheckpoint* loaded,
                      std::int64_t keep);

}  // namespace dl
