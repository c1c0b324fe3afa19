#include "engine/core/file_system.h"

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

class RealFile final : public OutputFile {
 public:
  RealFile(int descriptor, std::string path) : file_(descriptor), path_(std::move(path)) {}

  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void sync() override {
    if (::fsync(file_.get()) != 0) fail("sync", path_);
  }
  void close() override {
    if (::close(file_.release()) != 0) fail("close", path_);
  }

 private:
  Descriptor file_;
  std::string path_;
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
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) fail("truncate", path);
  }
  void make_folder(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) != 0) fail("make folder", path);
  }
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", from);
  }
  void link(const std::string& target, const std::string& path) override {
    if (::symlink(target.c_str(), path.c_str()) != 0) fail("link", path);
  }
  void sync_folder(const std::string& path) override {
    const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) fail("open folder", path);
    if (::fsync(folder.get()) != 0 && errno != EINVAL)
      fail("sync folder", path);  // EINVAL: it cannot be synced
  }
  void remove_all(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) throw FileError("remove", path, error.value());
  }

 private:
  static std::unique_ptr<OutputFile> open(const std::string& path, int flags) {
    const int descriptor = ::open(path.c_str(), flags, 0666);
    if (descriptor < 0) fail("open", path);
    return std::make_unique<RealFile>(descriptor, path);
  }
};

}  // namespace

FileError::FileError(const std::string& operation, const std::string& path, int error_number)
    : message_("cannot " + operation + " " + path + ": " + std::strerror(error_number)),
      error_number_(error_number) {}

std::unique_ptr<FileSystem> real_file_system() { return std::make_unique<RealFileSystem>(); }

std::string read_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail("open", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail("read", path);
  if (S_ISDIR(info.st_mode)) throw FileError("read", path, EISDIR);
  const auto size = static_cast<std::size_t>(info.st_size);
  if (!S_ISREG(info.st_mode)) throw FileError("read", path, EINVAL);
  if (size > max_bytes) throw FileError("read", path, EFBIG);
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(file.get(), text.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path);
    if (count == 0) break;  // it shrank meanwhile
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
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
  write_file(files, temporary, text);
  files.rename(temporary, path);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  files.sync_folder(folder.empty() ? "." : folder);
}

}  // namespace dl
