#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/file_system.h"
#include "engine/train/safetensors.h"

namespace dl {

/// What a checkpoint holds. The views need to live only while it is saved.
struct CheckpointContent {
  std::vector<TensorView> model;    // weights and statistics, PyTorch's names
  std::vector<TensorView> optim;    // the optimiser's slots: "<slot>/<weight>"
  std::vector<TensorView> ema;      // averaged weights; empty: no ema.safetensors
  std::vector<TensorView> carried;  // recurrent layers' states; empty: no carried.safetensors
  std::string state;                // state.json
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

/// Which checkpoint of a run.
enum class Which { last, best };

/// Which weights of a run a command takes.
struct CheckpointChoice {
  std::string checkpoint = "best";  // best, last, or a checkpoint's folder
  std::optional<bool> averaged;     // the averaged ones, or not; where there are, unless said
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
LoadedCheckpoint load_checkpoint(const std::string& folder);

/// Loads `last`: the newest that verifies; or `best`: the newest that verifies of those that were
/// the best when they were saved, else the newest. The links are for people and not looked at, so
/// they may dangle or be missing. `skipped` gets a sentence for each one that was passed over.
/// Throws UserError: ExitCode::weights when none is left, run_folder when there never was one.
LoadedCheckpoint find_checkpoint(const std::string& run, Which which,
                                 std::vector<std::string>& skipped);

/// What is wrong with CheckpointChoice::checkpoint, in words, before a run is looked at; "":
/// nothing.
std::string wrong_checkpoint(const std::string& checkpoint);

/// The chosen weights of a run, and what they are called.
struct ChosenWeights {
  SafetensorsFile file;
  std::string label;  // the checkpoint's folder, and whether they are averaged
};
/// `run` may be a checkpoint's own folder. `skipped` as above. Throws UserError (ExitCode::weights)
/// also where averaged ones are asked for and there are none.
ChosenWeights choose_weights(const std::string& run, const CheckpointChoice& choice,
                             std::vector<std::string>& skipped);

}  // namespace dl
