#pragma once

#include <memory>

#include "engine/sinks/sink.h"

namespace dl {

/// Progress for a person, on stderr: a bar that redraws itself on a terminal, plain lines
/// elsewhere; a line an epoch on both. The result goes to stdout.
std::unique_ptr<Sink> console_sink();

/// The same lines without the bar, with the time before each, for log.txt.
class AppendTarget {
 public:
  virtual ~AppendTarget() = default;
  virtual void append(const std::string& line) = 0;  // a whole line, with its end
};
std::unique_ptr<Sink> log_sink(AppendTarget& target);

}  // namespace dl
