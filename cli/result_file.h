#pragma once

#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/file_system.h"

namespace dl {

/// A file that is there whole or not at all: it gets its name at the end.
class ResultFile {
 public:
  explicit ResultFile(std::string path)
      : files_(real_file_system()),
        path_(std::move(path)),
        temporary_(path_ + ".tmp-" + std::to_string(::getpid())),
        file_(files_->create(temporary_)) {}
  ~ResultFile() {
    if (file_) remove_quietly(*files_, temporary_);
  }
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  void write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kBuffer) flush();
  }
  void finish() {
    flush();
    file_->sync();
    file_->close();
    files_->rename(temporary_, path_);
    file_.reset();
    files_->sync_folder(parent_folder(path_));
  }

 private:
  static constexpr std::size_t kBuffer = 1 << 16;
  void flush() {
    file_->write(std::as_bytes(std::span(buffer_)));
    buffer_.clear();
  }

  std::unique_ptr<FileSystem> files_;
  std::string path_, temporary_;
  std::unique_ptr<OutputFile> file_;
  std::string buffer_;
};

}  // namespace dl
