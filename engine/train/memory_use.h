#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace dl {

/// What would have to change for less memory to be taken.
enum class MemoryCause { data, network, batch };

/// Something that takes memory: "weights", "gradients", ...
struct MemoryPart {
  std::string what;
  std::size_t bytes = 0;
  MemoryCause cause = MemoryCause::network;

  bool operator==(const MemoryPart&) const = default;
};
/// All that a command needs.
using MemoryUse = std::vector<MemoryPart>;

std::size_t total_bytes(const MemoryUse& use);

/// Throws UserError (ExitCode::memory) naming the largest part when the sum is over `limit`.
void check_memory(const MemoryUse& use, std::size_t limit);

/// What this process holds by now: the program, its libraries, the machine code that oneDNN has
/// made, and the data that was read. To be asked before anything else that is counted is written.
MemoryPart process_memory();

}  // namespace dl
