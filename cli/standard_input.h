#pragma once

#include <string>

#include "core/stop_flag.h"

namespace dl {

/// All that comes through stdin, under a path that can be read as often as wanted while the object
/// lives.
class StandardInput {
 public:
  /// Reads to its end, or until `stop` is requested. Throws UserError (ExitCode::data) where that
  /// fails.
  explicit StandardInput(const StopFlag& stop);
  ~StandardInput();
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace dl
