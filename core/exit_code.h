#pragma once

namespace dl {

/// Exit codes of the program. Scripts rely on them: add, never renumber. `dltool --help` prints
/// them.
enum class ExitCode {
  finished = 0,
  internal = 1,  // a bug of ours
  command_line = 2,
  config = 3,
  data = 4,
  weights = 5,  // weights or checkpoint: missing, damaged, do not fit
  output = 6,   // disk full, permission
  memory = 7,
  diverged = 8,      // NaN or infinity under on_nonfinite: stop
  run_folder = 10,   // exists already, or nothing to resume
  locked = 11,       // the run folder is in use by another process
  peer = 12,         // reserved
  requirement = 13,  // --require not met
  hangup = 129,
  interrupted = 130,
  terminated = 143,
};

}  // namespace dl
