#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/file_system.h"
#include "engine/train/safetensors.h"

namespace dl {

/// What a checkpoint holds. The views need to live only while it is saved.
struct CheckpointContent {
  std::vector<TensorView> model;  // weights and statistics, PyTorch's names
  std::vector<TensorView> optim;  // the optimiser's slots: "<slot>/<weight>"
  std::vector<TensorView> ema;    // averaged weights; empty: no ema.safetensors
  std::string state;              // state.json
};

/// A checkpoint in memory, every byte of it verified.
struct LoadedCheckpoint {
  std::string folder;  // its real name, not a link's
  SafetensorsFile model, optim;
  std::optional<SafetensorsFile> ema;
  std::string state;
};

/// Which checkpoint of a run.
enum class Which { last, best };

/// Saves as docs/checkpoint_format.md says: a temporary folder, every file synced, MANIFEST last,
/// renamed, links moved, old ones removed. The links `last` and (if `best`) `best` then point at
/// it, and the `keep` newest stay, besides those that are linked. Throws UserError
/// (ExitCode::output); whatever fails, older checkpoints stay whole and nothing half-written has a
/// final name. Returns the folder's path.
std::string save_checkpoint(FileSystem& files, const std::string& run, std::int64_t step,
                            const CheckpointContent& content, bool best, std::int64_t keep);

/// Loads one checkpoint folder. Throws UserError (ExitCode::weights) that says what is wrong with
/// it.
LoadedCheckpoint load_checkpoint(const std::string& folder);

/// Loads `last`: the newest that verifies; or `best`: the one linked, else (it is damaged or there
/// is no link) the newest that verifies. `skipped` gets a sentence for each one that was passed
/// over. Throws UserError (ExitCode::weights) when none is left, ExitCode::run_folder when there
/// never was one.
LoadedCheckpoint find_checkpoint(const std::string& run, Which which,
                                 std::vector<std::string>& skipped);

}  // namespace dl
