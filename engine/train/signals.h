#pragma once

#include "engine/core/stop_flag.h"

namespace dl {

/// From now on SIGINT, SIGTERM and SIGHUP (unless nohup had it ignored) ask through the flag that
/// is returned, the process's, to stop after the running step; a second one ends the process at
/// once with 128 + its number, SIGUSR1 asks for a checkpoint, and SIGPIPE and SIGXFSZ become errors
/// of the operations that caused them.
StopFlag& catch_signals();

}  // namespace dl
