#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/file_system.h"

namespace dl {

/// A run's folder, locked for this process as long as the object lives.
class RunFolder {
 public:
  /// Makes a new one: `path`, or runs/<name>-001 with the next free number if `path` is empty. A
  /// folder in which a start died before there was anything to resume is emptied and taken.
  /// Throws UserError: ExitCode::run_folder when `path` exists, ExitCode::locked when another
  /// process is working in it, ExitCode::output when it cannot be written.
  static RunFolder create(FileSystem& files, const std::string& path, const std::string& name);
  /// Opens an existing run to go on with it. Throws UserError: run_folder when there is none,
  /// locked.
  static RunFolder open(FileSystem& files, const std::string& path);
  /// Whether a process is working in it. For readers: nothing is written, and the lock is looked at
  /// for so short a time that no other process loses it.
  static bool in_use(const std::string& path);

  RunFolder(RunFolder&&) noexcept;
  ~RunFolder();

  const std::string& path() const { return path_; }
  /// Throws UserError (ExitCode::output) when the folder was removed, or another one is there now.
  void expect_there() const;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Writes small files of the run, each as a whole or not at all, for good; throws UserError
  /// (ExitCode::output).
  struct SmallFile {
    std::string name, text;
  };
  void write(std::span<const SmallFile> small);
  void write(const std::string& name, const std::string& text);
  /// Removes a file of the run, if it is there; throws UserError (ExitCode::output).
  void remove(const std::string& name);

 private:
  RunFolder(FileSystem& files, std::string path, int lock);
  static RunFolder create_at(FileSystem& files, const std::string& path);
  static std::optional<RunFolder> take_over(FileSystem& files, const std::string& path);
  static RunFolder create_numbered(FileSystem& files, const std::string& prefix);

  FileSystem* files_;
  std::string path_;
  int lock_;  // descriptor of the locked file
};

/// A file that grows by lines, with its size, for metrics and logs. Throws UserError
/// (ExitCode::output).
class GrowingFile {
 public:
  GrowingFile(FileSystem& files, std::string path);
  void append(const std::string& text);
  std::uint64_t size() const { return size_; }
  /// Before a checkpoint that names size(), so that no power cut can leave less than that.
  void sync();
  /// Cuts off what a run wrote after the checkpoint from which it is resumed. False, and nothing
  /// done, when the file is shorter than that: somebody else has changed it.
  bool cut(std::uint64_t size);
  /// Cuts off a last line that has no end: its writer died. True when there was one.
  bool cut_torn_line();

 private:
  FileSystem* files_;
  std::string path_;
  std::uint64_t size_ = 0;
  std::unique_ptr<OutputFile> file_;
};

}  // namespace dl
