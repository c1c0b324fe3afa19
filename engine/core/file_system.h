#pragma once

#include <cstddef>
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
  virtual void make_folder(const std::string& path) = 0;  // fails when it exists
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void link(const std::string& target,
                    const std::string& path) = 0;  // symbolic; fails when it exists
  virtual void sync_folder(const std::string& path) = 0;
  virtual void remove_all(const std::string& path) = 0;  // nothing there is fine
};

/// The machine's own.
std::unique_ptr<FileSystem> real_file_system();

/// The whole file. Throws FileError; `max_bytes` guards against devices and mistakes.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{1} << 40);

/// Creates or replaces a file, synced. A failure may leave part of it.
void write_file(FileSystem& files, const std::string& path, std::string_view text);

/// Writes a small file so that it is either the old or the new one: temp, sync, rename, sync of the
/// folder.
void write_file_atomically(FileSystem& files, const std::string& path, std::string_view text);

}  // namespace dl
