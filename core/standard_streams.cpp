#include "core/standard_streams.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "core/file_system.h"

namespace dl {
namespace {

/// Of a pipe, a socket or a terminal.
bool reader_has_gone(int descriptor) {
  pollfd stream{descriptor, POLLOUT, 0};
  return ::poll(&stream, 1, 0) == 1 && (stream.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace

std::optional<int> lost_result() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return std::nullopt;
  const int number = errno != 0 ? errno : EIO;
  if (number == EPIPE || reader_has_gone(STDOUT_FILENO)) return std::nullopt;
  return number;
}

bool is_gone_reader(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const FileError& file) {
    return file.error_number() == EPIPE;
  } catch (const std::system_error& system) {  // fmt's
    return system.code() == std::errc::broken_pipe;
  } catch (...) {
    return false;
  }
}

}  // namespace dl
