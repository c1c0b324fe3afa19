#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// A failed file operation: the message names operation, path and reason. Callers turn it into a
/// UserError.
class FileError : public std::exception {
 public:
  FileError(const std::string& operation, const std::string& path, int error_number);
  const char* what() const noexcept override { return message_.c_str(); }
  int error_number() const { return error_number_; }

 private:
  std::string message_;
  int error_number_;
};

/// A file being written. Destroying it without close() leaves whatever was written.
class OutputFile {
 public:
  virtual ~OutputFile() = default;
  virtual void write(std::span<const std::byte> bytes) = 0;  // all of it, or FileError
  virtual void sync() = 0;                                   // fsync; a failure is final
  virtual void close() = 0;
};

/// All that dltool does to files that it writes. Tests replace it to fail or cut any operation.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual std::unique_ptr<OutputFile> create(const std::string& path) = 0;  // new or emptied
  virtual std::unique_ptr<OutputFile> append(const std::string& path) = 0;
  virtual void truncate(const std::string& path, std::size_t size) = 0;
  virtual void make_folder(const std::string& path) = 0;                    // fails when it exists
  virtual void rename(const std::string& from, const std::string& to) = 0;  // replaces a file
  /// Symbolic; fails when `path` exists.
  virtual void link(const std::string& target, const std::string& path) = 0;
  virtual void sync_folder(const std::string& path) = 0;
  virtual void remove_all(const std::string& path) = 0;  // nothing there is fine
};

/// The machine's own.
std::unique_ptr<FileSystem> real_file_system();

/// A regular file open for reading. FileError when it is none (a folder, a pipe) or unreadable.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const { return size_; }
  /// Fills `into`; a file that ends before that is a FileError.
  void read_at(std::uint64_t offset, std::span<std::byte> into) const;

 private:
  std::string path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// The whole file. Throws FileError; `max_bytes` guards against devices and mistakes.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{1} << 40);

/// Creates or replaces a file, synced. A failure may leave part of it.
void write_file(FileSystem& files, const std::string& path, std::string_view text);

/// Writes a small file so that it is either the old or the new one: temp, sync, rename, sync of the
/// folder.
void write_file_atomically(FileSystem& files, const std::string& path, std::string_view text);

/// Whether the name is taken: a link that leads nowhere counts.
bool exists(const std::string& path);

/// The folder in which `path` stands; "." for a bare name.
std::string parent_folder(const std::string& path);

/// For clearing up after a failure, where the first error is the one to tell.
void remove_quietly(FileSystem& files, const std::string& path) noexcept;

}  // namespace dl
