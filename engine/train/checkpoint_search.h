#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/train/checkpoint.h"

namespace dl {

/// Which checkpoint of a run.
enum class Which { last, best };

/// What happens where the one that is asked for is not whole.
enum class Substitute {
  allowed,  // the next best is taken, and named
  refused,  // an error: it was asked for by name
};

/// Which weights of a run a command takes.
struct CheckpointChoice {
  std::string checkpoint = "best";  // best, last, or a checkpoint's folder
  bool by_name = false;             // a user said so: no other may stand in for it
  std::optional<bool> averaged;     // the averaged ones, or not; where there are, unless said
};

/// Loads `last`: the newest that verifies; or `best`: the newest that verifies of those that were
/// the best when they were saved, else the newest. The links are for people: they may dangle or be
/// missing. `skipped` gets a sentence for each one that was passed over, whatever of it is missing;
/// which was the best is also told by the newest state.json. Looks again where a writer takes
/// checkpoints away meanwhile. Throws UserError: ExitCode::weights when none is left, or where no
/// substitute is allowed and one would be needed; run_folder when there never was one.
LoadedCheckpoint find_checkpoint(const std::string& run, Which which,
                                 std::vector<std::string>& skipped,
                                 Substitute substitute = Substitute::allowed,
                                 Keep keep = Keep::all);

/// state.json of the newest checkpoint of a run of which that much is whole; "": there is none.
std::string newest_state(const std::string& run);

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
