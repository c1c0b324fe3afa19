#include "core/memory_room.h"

#include <sys/mman.h>

#include <string>

#include "core/error.h"

namespace dl {

void expect_memory_room(std::size_t bytes) {
  void* const room =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    throw UserError(
        ExitCode::memory,
        "out of memory: the system does not give " + std::to_string(bytes >> 20) + " MiB more",
        "ulimit -v shows what is allowed; a smaller network or data.batch needs less");
  }
  ::munmap(room, bytes);
}

}  // namespace dl
