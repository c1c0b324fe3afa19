#include "engine/train/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

#include "core/error.h"
#include "engine/train/checkpoint_names.h"
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

/// Whether the locked file is still the one that stands in the folder.
bool is_lock_of(int lock, const std::string& path) {
  struct stat locked {
  }, there{};
  return ::fstat(lock, &locked) == 0 && ::stat((path + "/.lock").c_str(), &there) == 0 &&
         locked.st_dev == there.st_dev && locked.st_ino == there.st_ino;
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

/// Whether a start that died left this folder, before there was anything to resume: nothing is in
/// it but what a start writes, and no step was done.
bool is_dead_start(const std::string& path) {
  if (!exists(path + "/.lock") || exists(path + "/config.resolved.yaml")) return false;
  constexpr std::string_view kMayBe[] = {
      ".lock",   "config.yaml",   "paths.json",  "env.json",    "vars.yaml",        "transfer.json",
      "log.txt", "metrics.jsonl", "metrics.csv", "checkpoints", "diagnostics.jsonl"};
  for (const std::string& name : names_in(path)) {
    const std::string plain = name.substr(0, name.find(".tmp-"));
    const bool resolved = plain == "config.resolved.yaml";  // on its way
    if (!resolved && std::ranges::find(kMayBe, plain) == std::end(kMayBe)) return false;
  }
  for (const char* name : {"/log.txt", "/metrics.jsonl"}) {
    std::error_code error;
    if (fs::file_size(path + name, error) > 0 && !error) return false;
  }
  const std::vector<Candidate> saved = candidates_in(checkpoints_of(path));
  return std::ranges::all_of(saved, [](const Candidate& one) { return one.step == 0; });
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

/// None when there is no such folder to take.
std::optional<RunFolder> RunFolder::take_over(FileSystem& files, const std::string& path) {
  if (!is_dead_start(path)) return std::nullopt;
  RunFolder folder(files, path, lock_or_throw(path));
  // Another one may have had it between the look and the lock.
  if (!is_lock_of(folder.lock_, path) || !is_dead_start(path)) return std::nullopt;
  for (const std::string& name : names_in(path)) {
    if (name != ".lock") files.remove_all(path + "/" + name);
  }
  return folder;
}

RunFolder RunFolder::create_at(FileSystem& files, const std::string& path) {
  make_parents(files, path);
  if (const auto lock = make_locked(files, path)) return {files, path, *lock};
  if (auto taken = take_over(files, path)) return std::move(*taken);
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
    try {
      if (auto taken = take_over(files, candidate)) return std::move(*taken);
    } catch (const UserError& error) {
      if (error.code() != ExitCode::locked) throw;  // it is beginning just now
    }
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

void RunFolder::write(std::span<const SmallFile> small) {
  std::string temporary;
  try {
    for (const SmallFile& one : small) {
      temporary = fmt::format("{}.tmp-{}", file(one.name), ::getpid());
      write_file(*files_, temporary, one.text);
      files_->rename(temporary, file(one.name));
    }
    files_->sync_folder(path_);
  } catch (const FileError& error) {
    remove_quietly(*files_, temporary);
    throw UserError(ExitCode::output, error.what());
  }
}

void RunFolder::write(const std::string& name, const std::string& text) {
  write(std::array{SmallFile{name, text}});
}

void RunFolder::expect_there() const {
  if (is_lock_of(lock_, path_)) return;
  throw UserError(ExitCode::output,
                  path_ + ": the run folder was removed, renamed or replaced while it was in use");
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

bool GrowingFile::cut_torn_line() {
  constexpr std::size_t kBlock = 4096;
  std::uint64_t end = size_;  // of the whole lines
  try {
    const InputFile file(path_);
    std::string block;
    for (bool found = false; end > 0 && !found;) {
      block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, end)));
      file.read_at(end - block.size(), std::as_writable_bytes(std::span(block)));
      const std::size_t line_end = block.rfind('\n');
      found = line_end != std::string::npos;
      end -= found ? block.size() - line_end - 1 : block.size();
    }
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, error.what());
  }
  const bool torn = end < size_;
  cut(end);
  return torn;
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
