#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/file_system.h"

namespace dl {

/// A file that is there whole or not at all: it gets its name at the end. A link leads to the file
/// that is written, and what is no regular file (/dev/stdout, a pipe) is written as it is.
class ResultFile {
 public:
  explicit ResultFile(const std::string& path)
      : files_(real_file_system()),
        path_(behind_links(path)),
        whole_(!is_device(path_)),
        temporary_(whole_ ? path_ + ".tmp-" + std::to_string(::getpid()) : path_),
        file_(whole_ ? files_->create(temporary_) : files_->append(path_)) {}
  ~ResultFile() {
    if (file_ && whole_) remove_quietly(*files_, temporary_);
  }
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  void write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kBuffer) flush();
  }
  void finish() {
    flush();
    if (!whole_) return file_->close();
    file_->sync();
    file_->close();
    files_->rename(temporary_, path_);
    file_.reset();
    files_->sync_folder(parent_folder(path_));
  }

 private:
  static constexpr std::size_t kBuffer = 1 << 16;

  static std::string behind_links(const std::string& path) {
    namespace fs = std::filesystem;
    constexpr int kMostLinks = 40;
    std::error_code error;
    fs::path at = path;
    for (int i = 0; i < kMostLinks && fs::is_symlink(fs::symlink_status(at, error)); ++i) {
      if (is_device(at)) break;  // /dev/stdout may lead to what has no path
      at = at.parent_path() / fs::read_symlink(at, error);
    }
    return at.string();
  }
  static bool is_device(const std::filesystem::path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
           !std::filesystem::is_directory(status);
  }

  void flush() {
    file_->write(std::as_bytes(std::span(buffer_)));
    buffer_.clear();
  }

  std::unique_ptr<FileSystem> files_;
  std::string path_;
  bool whole_;
  std::string temporary_;
  std::unique_ptr<OutputFile> file_;
  std::string buffer_;
};

}  // namespace dl
