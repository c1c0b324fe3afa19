#pragma once

#include <memory>

#include "engine/sinks/sink.h"

namespace dl {

enum class Verbosity { normal, quiet };

/// Progress for a person, on stderr: a bar that redraws itself on a terminal, plain lines
/// elsewhere; a line an epoch on both. The result goes to stdout, and alone where it is quiet.
std::unique_ptr<Sink> console_sink(Verbosity verbosity = Verbosity::normal);

/// The same lines without the bar, with the time before each, for log.txt.
class AppendTarget {
 public:
  virtual ~AppendTarget() = default;
  virtual void append(const std::string& line) = 0;  // a whole line, with its end
};
std::unique_ptr<Sink> log_sink(AppendTarget& target);

}  // namespace dl
