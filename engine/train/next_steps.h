#pragma once

#include <string>
#include <vector>

#include "core/exit_code.h"
#include "engine/train/run_training.h"

namespace dl {

/// What a person may want to type once a run has ended, line by line.
std::vector<std::string> next_steps(const Setup& setup, Outcome outcome, ExitCode code,
                                    const std::string& run);

/// For a run that is resumed although its epochs are over: how it goes on. "" where it does.
std::string how_to_go_on(const Setup& setup, const TrainState& state, const std::string& run);

}  // namespace dl
