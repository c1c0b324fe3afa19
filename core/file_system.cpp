#include "core/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace dl {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

[[noreturn]] void fail(const char* operation, const std::string& path) {
  throw FileError(operation, path, errno);
}

/// Repeats a call that a signal interrupted.
template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class RealFile final : public OutputFile {
 public:
  RealFile(int descriptor, std::string path) : file_(descriptor), path_(std::move(path)) {}

  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          retried([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
      if (count < 0) fail("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void sync() override {
    // The kernel may drop what it could not write and report success the next time: once failed,
    // always failed.
    if (sync_error_ == 0 && retried([&] { return ::fsync(file_.get()); }) < 0) sync_error_ = errno;
    if (sync_error_ != 0) throw FileError("sync", path_, sync_error_);
  }
  void close() override {
    // Linux frees the descriptor even when it reports EINTR, so this is never repeated.
    if (::close(file_.release()) != 0 && errno != EINTR) fail("close", path_);
  }

 private:
  Descriptor file_;
  std::string path_;
  int sync_error_ = 0;
};

class RealFileSystem final : public FileSystem {
 public:
  std::unique_ptr<OutputFile> create(const std::string& path) override {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  }
  std::unique_ptr<OutputFile> append(const std::string& path) override {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
  }
  void truncate(const std::string& path, std::size_t size) override {
    if (retried([&] { return ::truncate(path.c_str(), static_cast<off_t>(size)); }) < 0)
      fail("truncate", path);
  }
  void make_folder(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) != 0) fail("make folder", path);
  }
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", from + " to " + to);
  }
  void link(const std::string& target, const std::string& path) override {
    if (::symlink(target.c_str(), path.c_str()) != 0) fail("link", path);
  }
  void sync_folder(const std::string& path) override {
    const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) fail("open folder", path);
    // EINVAL: a file system that has nothing to sync (some network and FUSE mounts).
    if (retried([&] { return ::fsync(folder.get()); }) < 0 && errno != EINVAL)
      fail("sync folder", path);
  }
  void remove_all(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) throw FileError("remove", path, error.value());
  }

 private:
  static std::unique_ptr<OutputFile> open(const std::string& path, int flags) {
    const int descriptor = retried([&] { return ::open(path.c_str(), flags, 0666); });
    if (descriptor < 0) fail("open", path);
    return std::make_unique<RealFile>(descriptor, path);
  }
};

}  // namespace

FileError::FileError(const std::string& operation, const std::string& path, int error_number)
    : message_("cannot " + operation + " " + path + ": " + std::strerror(error_number)),
      error_number_(error_number) {}

std::unique_ptr<FileSystem> real_file_system() { return std::make_unique<RealFileSystem>(); }

InputFile::InputFile(const std::string& path) : path_(path) {
  // Without O_NONBLOCK opening a pipe would wait for its writer.
  Descriptor file(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (file.get() < 0) fail("open", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail("read", path);
  if (!S_ISREG(info.st_mode))
    throw FileError("read", path, S_ISDIR(info.st_mode) ? EISDIR : EINVAL);
  size_ = static_cast<std::uint64_t>(info.st_size);
  descriptor_ = file.release();
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t count = retried(
        [&] { return ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset)); });
    if (count < 0) fail("read", path_);
    if (count == 0) throw FileError("read to the end of", path_, EIO);  // it shrank meanwhile
    into = into.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

std::string read_file(const std::string& path, std::size_t max_bytes) {
  const InputFile file(path);
  if (file.size() > max_bytes) throw FileError("read", path, EFBIG);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  return text;
}

void write_file(FileSystem& files, const std::string& path, std::string_view text) {
  const auto file = files.create(path);
  file->write(std::as_bytes(std::span(text.data(), text.size())));
  file->sync();
  file->close();
}

void write_file_atomically(FileSystem& files, const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp-" + std::to_string(::getpid());
  try {
    write_file(files, temporary, text);
    files.rename(temporary, path);
  } catch (const FileError&) {
    remove_quietly(files, temporary);
    throw;
  }
  files.sync_folder(parent_folder(path));
}

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

std::string parent_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

void remove_quietly(FileSystem& files, const std::string& path) noexcept {
  try {
    files.remove_all(path);
  } catch (const std::exception&) {  // it stays, under a name that nobody reads
  }
}

}  // namespace dl
