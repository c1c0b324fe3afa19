#include "cli/standard_input.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace dl {
namespace {

[[noreturn]] void fail() {
  throw UserError(ExitCode::data, std::string("stdin: ") + std::strerror(errno));
}

void write_whole(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(descriptor, data, size);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail();
    data += done;
    size -= static_cast<std::size_t>(done);
  }
}

void copy_stdin(int descriptor, const StopFlag& stop) {
  constexpr int kWaitMs = 100;  // until the next look at `stop`
  std::array<char, 1 << 16> buffer;
  while (!stop.requested()) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, kWaitMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got == 0) return;
    if (got < 0 && errno != EINTR && errno != EAGAIN) fail();
    if (got > 0) write_whole(descriptor, buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

StandardInput::StandardInput(const StopFlag& stop)
    : descriptor_(::memfd_create("stdin", MFD_CLOEXEC)) {
  if (descriptor_ < 0) fail();
  try {
    copy_stdin(descriptor_, stop);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

StandardInput::~StandardInput() { ::close(descriptor_); }

}  // namespace dl
