#include "engine/train/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "engine/core/error.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxNumber = 999'999;

/// Takes the lock without touching anything else; -1 when another process holds it.
int try_lock(const std::string& path) {
  const int lock = ::open((path + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0) throw UserError(ExitCode::output, FileError("open", path + "/.lock", errno).what());
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const int error = errno;
  ::close(lock);
  if (error == EWOULDBLOCK) return -1;
  throw UserError(ExitCode::output, FileError("lock", path, error).what());
}

int lock_or_throw(const std::string& path) {
  const int lock = try_lock(path);
  if (lock < 0)
    throw UserError(ExitCode::locked, path + ": another process is working in this run folder");
  return lock;
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

void make_parents(const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error)
    throw UserError(ExitCode::output,
                    FileError("make folder", parent.string(), error.value()).what());
}

/// Makes the folder with its lock held, and returns the lock; none when it is there already. The
/// folder gets its name by a rename, so that nobody ever sees it unlocked.
std::optional<int> make_locked(FileSystem& files, const std::string& path) {
  if (exists(path)) return std::nullopt;
  const std::string temporary = fmt::format("{}.tmp-{}", path, ::getpid());
  try {
    files.make_folder(temporary);
    const int lock = lock_or_throw(temporary);
    try {
      files.rename(temporary, path);
      return lock;
    } catch (const FileError& error) {
      ::close(lock);
      files.remove_all(temporary);
      if (error.error_number() == EEXIST || error.error_number() == ENOTEMPTY) return std::nullopt;
      throw;
    }
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

/// In the runs that are named by number, a name that leaves its folder would be a surprise.
std::string safe_name(const std::string& name) {
  std::string safe;
  for (const char c : name) safe += c == '/' || static_cast<unsigned char>(c) < 0x20 ? '_' : c;
  return safe.empty() || safe == "." || safe == ".." ? "run" : safe;
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
  if (!path.empty()) {
    make_parents(path);
    if (const auto lock = make_locked(files, path)) return {files, path, *lock};
    if (exists(path + "/.lock")) ::close(lock_or_throw(path));
    throw UserError(ExitCode::run_folder, path + ": exists already",
                    "go on with it by 'dltool resume " + path + "', or name another folder");
  }
  make_parents("runs/x");
  for (int number = 1; number <= kMaxNumber; ++number) {
    const std::string candidate = fmt::format("runs/{}-{:03}", safe_name(name), number);
    if (const auto lock = make_locked(files, candidate)) return {files, candidate, *lock};
  }
  throw UserError(ExitCode::output, "runs: no free number for another run of " + name);
}

RunFolder RunFolder::open(FileSystem& files, const std::string& path) {
  if (!exists(path + "/config.resolved.yaml")) {
    throw UserError(ExitCode::run_folder, path + ": no run to go on with",
                    "a run folder holds config.resolved.yaml and checkpoints/");
  }
  return {files, path, lock_or_throw(path)};
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
    size_ = fs::file_size(path_);
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

void GrowingFile::cut(std::uint64_t size) {
  if (size >= size_) return;
  try {
    files_->truncate(path_, size);
    size_ = size;
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
}

}  // namespace dl
