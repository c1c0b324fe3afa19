#include "engine/train/memory_use.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "core/error.h"

namespace dl {
namespace {

std::string mib(std::size_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string hint_for(MemoryCause cause) {
  switch (cause) {
    case MemoryCause::batch:
      return "a smaller data.batch needs less; train.effective_batch keeps the size of a step";
    case MemoryCause::network:
      return "that does not depend on data.batch: the network has too many weights";
    case MemoryCause::data:
      break;
  }
  return "that does not depend on data.batch: the data is kept in memory";
}

}  // namespace

std::size_t total_bytes(const MemoryUse& use) {
  std::size_t total = 0;
  for (const MemoryPart& part : use) total += part.bytes;
  return total;
}

void check_memory(const MemoryUse& use, std::size_t limit) {
  const std::size_t total = total_bytes(use);
  if (total <= limit) return;
  const MemoryPart& largest = *std::ranges::max_element(use, {}, &MemoryPart::bytes);
  throw UserError(ExitCode::memory,
                  "this run needs " + mib(total) + " of memory, of which " + largest.what +
                      " takes " + mib(largest.bytes) + "; only " + mib(limit) + " may be used",
                  hint_for(largest.cause));
}

MemoryPart process_memory() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return {"the program and the data it has read", resident * page, MemoryCause::data};
}

}  // namespace dl
