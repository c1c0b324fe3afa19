#pragma once

#include <sys/types.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace dl::test {

struct ProgramResult {
  int exit_code = 0;  // 1000 + the signal when one killed it
  std::string out, err;
};

/// A process that runs `program` with two threads that do not spin. Killed when the object dies.
class RunningProgram {
 public:
  RunningProgram(const std::string& program, const std::vector<std::string>& arguments,
                 const std::string& folder = "");
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  void signal(int number) const;
  /// True when it has ended.
  bool ended();
  /// Waits for its end; after `seconds` it is killed.
  ProgramResult wait(double seconds = 120);

 private:
  pid_t child_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::FILE *out_, *err_;
};

/// Runs it to its end, in `folder` (default: where the test runs).
ProgramResult run_program(const std::string& program, const std::vector<std::string>& arguments,
                          const std::string& folder = "");

void sleep_milliseconds(int milliseconds);

/// Waits until `holds` is true; for a minute at most, so that a busy machine fails no test.
bool wait_until(const std::function<bool()>& holds);

}  // namespace dl::test
