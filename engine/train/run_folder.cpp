#include "engine/train/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "engine/core/error.h"
#include "engine/train/run_places.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxNumber = 999'999;

/// Tries a few times: a reader that looks whether somebody works in the run holds the lock for some
/// microseconds (RunFolder::in_use). Sets errno when it fails.
bool take_lock(int descriptor) {
  constexpr int kTries = 3;
  constexpr auto kPause = std::chrono::milliseconds(2);
  for (int i = 1; ::flock(descriptor, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK || i == kTries) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

/// Takes the lock without touching anything else. Throws UserError (ExitCode::locked) when another
/// process holds it.
int lock_or_throw(const std::string& path) {
  const std::string file = path + "/.lock";
  const int lock = ::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0) throw FileError("open", file, errno);
  if (take_lock(lock)) return lock;
  const int error = errno;
  ::close(lock);
  if (error != EWOULDBLOCK) throw FileError("lock", file, error);
  throw UserError(ExitCode::locked, path + ": another process is working in this run folder");
}

/// Makes the folders above `path`; another process may be making the same ones.
void make_parents(FileSystem& files, const std::string& path) {
  const std::string parent = parent_folder(path);
  if (exists(parent)) return;
  make_parents(files, parent);
  try {
    files.make_folder(parent);
  } catch (const FileError& error) {
    if (error.error_number() != EEXIST) throw;
  }
}

/// A descriptor that closes itself, and with it gives the lock back, unless it is released.
struct Lock {
  int descriptor;
  ~Lock() {
    if (descriptor >= 0) ::close(descriptor);
  }
  int release() { return std::exchange(descriptor, -1); }
};

/// Makes the folder with its lock held, and returns the lock; none when it is there already. The
/// folder gets its name by a rename, which fails when a folder with anything in it has that name:
/// nobody ever sees it unlocked, and of two that try at once one gets it.
std::optional<int> make_locked(FileSystem& files, const std::string& path) {
  if (exists(path)) return std::nullopt;
  const std::string temporary = fmt::format("{}.tmp-{}", path, ::getpid());
  try {
    files.remove_all(temporary);
    files.make_folder(temporary);
    Lock lock{lock_or_throw(temporary)};
    files.rename(temporary, path);
    files.sync_folder(parent_folder(path));
    return lock.release();
  } catch (const FileError& error) {
    remove_quietly(files, temporary);
    const int reason = error.error_number();
    if ((reason == EEXIST || reason == ENOTEMPTY) && exists(path)) return std::nullopt;
    throw;
  }
}

/// In the runs that are named by number, a name that leaves its folder would be a surprise.
std::string safe_name(const std::string& name) {
  std::string safe;
  for (const char c : name) safe += c == '/' || static_cast<unsigned char>(c) < 0x20 ? '_' : c;
  return safe.empty() || safe == "." || safe == ".." ? "run" : safe;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

RunFolder::RunFolder(FileSystem& files, std::string path, int lock)
    : files_(&files), path_(std::move(path)), lock_(lock) {}
RunFolder::RunFolder(RunFolder&& other) noexcept
    : files_(other.files_), path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

RunFolder RunFolder::create(FileSystem& files, const std::string& path, const std::string& name) {
  try {
    return path.empty() ? create_numbered(files, "runs/" + safe_name(name))
                        : create_at(files, without_slash(path));
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, std::string("no run folder: ") + error.what());
  }
}

RunFolder RunFolder::create_at(FileSystem& files, const std::string& path) {
  make_parents(files, path);
  if (const auto lock = make_locked(files, path)) return {files, path, *lock};
  if (exists(path + "/.lock")) ::close(lock_or_throw(path));
  const bool is_run = exists(path + "/config.resolved.yaml");
  throw UserError(ExitCode::run_folder, path + ": exists already",
                  is_run ? "go on with it by 'dltool resume " + path + "', or name another folder"
                         : "name another folder, or let runs/<name>-001 be made");
}

RunFolder RunFolder::create_numbered(FileSystem& files, const std::string& prefix) {
  make_parents(files, prefix);
  for (int number = 1; number <= kMaxNumber; ++number) {
    const std::string candidate = fmt::format("{}-{:03}", prefix, number);
    if (const auto lock = make_locked(files, candidate)) return {files, candidate, *lock};
  }
  throw UserError(ExitCode::output, prefix + ": no free number for another run");
}

RunFolder RunFolder::open(FileSystem& files, const std::string& path) {
  if (!exists(path + "/config.resolved.yaml")) {
    const std::string instead = run_hint(path);
    throw UserError(
        ExitCode::run_folder, path + ": no run to go on with",
        instead.empty() ? "a run folder holds config.resolved.yaml and checkpoints/" : instead);
  }
  const std::string plain = without_slash(path);
  try {
    return {files, plain, lock_or_throw(plain)};
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

bool RunFolder::in_use(const std::string& path) {
  const Lock lock{::open((path + "/.lock").c_str(), O_RDONLY | O_CLOEXEC)};
  if (lock.descriptor < 0) return false;
  return ::flock(lock.descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void RunFolder::remove(const std::string& name) {
  try {
    files_->remove_all(file(name));
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

void RunFolder::write(const std::string& name, const std::string& text) {
  try {
    write_file_atomically(*files_, file(name), text);
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

GrowingFile::GrowingFile(FileSystem& files, std::string path)
    : files_(&files), path_(std::move(path)) {
  try {
    file_ = files_->append(path_);
    size_ = InputFile(path_).size();
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

void GrowingFile::append(const std::string& text) {
  try {
    file_->write(std::as_bytes(std::span(text.data(), text.size())));
    size_ += text.size();
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

void GrowingFile::sync() {
  try {
    file_->sync();
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

bool GrowingFile::cut(std::uint64_t size) {
  if (size > size_) return false;
  if (size == size_) return true;
  try {
    files_->truncate(path_, size);
    size_ = size;
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
  return true;
}

}  // namespace dl
