#pragma once

#include <string>
#include <vector>

#include "engine/config/run_config.h"

namespace dl {

/// What a run's bits depend on besides its config; goes into env.json, and resume compares it.
struct Environment {
  std::string dltool;  // version
  std::string onednn;  // "3.2.0"
  std::string isa;     // what oneDNN uses: "Intel AVX-512 with ..."
  std::string cpu;     // the model's name
  int threads = 1;

  bool operator==(const Environment&) const = default;
};

/// Of this process, with the threads that are set now.
Environment this_environment();

/// JSON of the members by name.
std::string to_json(const Environment& environment);
/// Throws UserError (ExitCode::weights) when `text` is not what to_json writes; `path` is for its
/// message.
Environment environment_from_json(const std::string& text, const std::string& path);

/// What differs, in words: "threads 2 instead of 4, ISA ..."; "" when nothing does.
std::string difference(const Environment& now, const Environment& then);

/// The number of physical cores that this process may run on: what `threads: auto` means.
int usable_cores();

/// Computes from now on with as many threads as train.threads says; where that is `measured` they
/// are those of `auto`. Adds to the notes what of OpenMP's variables is not as the user may think.
void use_threads_of(const RunConfig& config, std::vector<std::string>& notes);

/// Bytes that this process may use: the machine's memory, or the least limit of the cgroups that it
/// is in. `cgroups`: where they are mounted; `own`: the file that lists this process's.
std::size_t memory_limit_bytes(const std::string& cgroups = "/sys/fs/cgroup",
                               const std::string& own = "/proc/self/cgroup");

}  // namespace dl
