// Preloaded into dltool by kills.py: counts the calls that touch files below FAULT_PREFIX, and
// kills the process before the FAULT_AT-th of them, or lets that one fail once. FAULT_LOG gets a
// line for each call.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<long> g_calls{0};

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool is_below_prefix(const char* path) {
  const char* prefix = variable("FAULT_PREFIX");
  return *prefix && path && std::strncmp(path, prefix, std::strlen(prefix)) == 0;
}

struct Path {
  char text[4096] = "";
};

Path path_of(int descriptor) {
  Path path;
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = ::readlink(link, path.text, sizeof path.text - 1);
  path.text[size > 0 ? size : 0] = '\0';
  return path;
}

Path path_at(int folder, const char* name) {
  if (name[0] == '/' || folder == AT_FDCWD) {
    Path path;
    std::snprintf(path.text, sizeof path.text, "%s", name);
    return path;
  }
  Path path = path_of(folder);
  const std::size_t size = std::strlen(path.text);
  std::snprintf(path.text + size, sizeof path.text - size, "/%s", name);
  return path;
}

int error_of(const char* action) {
  if (std::strcmp(action, "ENOSPC") == 0) return ENOSPC;
  if (std::strcmp(action, "EMFILE") == 0) return EMFILE;
  return EIO;
}

/// The error with which the call must fail; 0: it goes on. Does not return where the process dies.
int fault(const char* call, const char* path) {
  if (!is_below_prefix(path)) return 0;
  const long number = ++g_calls;
  const char* log = variable("FAULT_LOG");
  if (*log) {
    static const auto open_file = real<int (*)(const char*, int, ...)>("open");
    static const auto write_bytes = real<ssize_t (*)(int, const void*, size_t)>("write");
    static const int file = open_file(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    char line[4200];
    const int size = std::snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    if (write_bytes(file, line, static_cast<size_t>(size)) < 0) return 0;
  }
  if (number != std::atol(variable("FAULT_AT"))) return 0;
  const char* action = variable("FAULT_ACTION");
  if (std::strcmp(action, "kill") == 0) {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
  return error_of(action);
}

template <class Call>
auto unless_fault(const char* call, const char* path, const Call& go) -> decltype(go()) {
  if (const int error = fault(call, path)) {
    errno = error;
    return -1;
  }
  return go();
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0;
  va_end(list);
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  return unless_fault("open", path, [&] { return next(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0;
  va_end(list);
  static const auto next = real<int (*)(const char*, int, ...)>("open64");
  return unless_fault("open", path, [&] { return next(path, flags, mode); });
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (const int error = fault("write", path_of(descriptor).text)) {
    if (next(descriptor, bytes, count / 2) < 0) return -1;  // a full disk takes a part
    errno = error;
    return -1;
  }
  return next(descriptor, bytes, count);
}

int fsync(int descriptor) {
  static const auto next = real<int (*)(int)>("fsync");
  return unless_fault("fsync", path_of(descriptor).text, [&] { return next(descriptor); });
}

int close(int descriptor) {
  static const auto next = real<int (*)(int)>("close");
  const int saved = errno;
  const int error = fault("close", path_of(descriptor).text);
  errno = saved;
  const int result = next(descriptor);
  if (error == 0) return result;
  errno = error;
  return -1;
}

int mkdir(const char* path, mode_t mode) {
  static const auto next = real<int (*)(const char*, mode_t)>("mkdir");
  return unless_fault("mkdir", path, [&] { return next(path, mode); });
}

int rename(const char* from, const char* to) {
  static const auto next = real<int (*)(const char*, const char*)>("rename");
  return unless_fault("rename", from, [&] { return next(from, to); });
}

int symlink(const char* target, const char* path) {
  static const auto next = real<int (*)(const char*, const char*)>("symlink");
  return unless_fault("symlink", path, [&] { return next(target, path); });
}

int unlink(const char* path) {
  static const auto next = real<int (*)(const char*)>("unlink");
  return unless_fault("unlink", path, [&] { return next(path); });
}

int unlinkat(int folder, const char* name, int flags) {
  static const auto next = real<int (*)(int, const char*, int)>("unlinkat");
  return unless_fault("unlink", path_at(folder, name).text,
                      [&] { return next(folder, name, flags); });
}

int remove(const char* path) {
  static const auto next = real<int (*)(const char*)>("remove");
  return unless_fault("unlink", path, [&] { return next(path); });
}

int truncate(const char* path, off_t size) {
  static const auto next = real<int (*)(const char*, off_t)>("truncate");
  return unless_fault("truncate", path, [&] { return next(path, size); });
}

}  // extern "C"
