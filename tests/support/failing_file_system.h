#pragma once

#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/file_system.h"

namespace dl::test {

enum class Failure {
  none,
  no_space,     // the operation does nothing and reports ENOSPC; later ones work
  io_error,     // the same with EIO
  short_write,  // half of a write is done before ENOSPC
  crash,        // from the operation on nothing is done, and what was never synced loses its end
};

/// Passes on to another file system (all but syncs, which would only take time: a crash is played
/// here) and counts operations; the n-th (from 1) fails. So a test can
/// first count the operations of a save and then let each of them fail in turn.
class FailingFileSystem final : public FileSystem {
 public:
  explicit FailingFileSystem(FileSystem& inner, Failure failure = Failure::none, int fail_at = 0)
      : inner_(inner), failure_(failure), fail_at_(fail_at) {}

  int operations() const { return operations_; }
  /// Folders whose entries a crash of the machine could still lose: something was made in them, or
  /// renamed, after they were last synced.
  const std::set<std::string>& unsynced_folders() const { return unsynced_folders_; }
  /// The same when the first link was made; a link must lead to what is there for good.
  const std::set<std::string>& unsynced_at_first_link() const { return unsynced_at_first_link_; }

  std::unique_ptr<OutputFile> create(const std::string& path) override {
    count("create", path);
    unsynced_.insert(path);
    unsynced_folders_.insert(parent_folder(path));
    return std::make_unique<File>(*this, inner_.create(path), path);
  }
  std::unique_ptr<OutputFile> append(const std::string& path) override {
    count("append to", path);
    return std::make_unique<File>(*this, inner_.append(path), path);
  }
  void truncate(const std::string& path, std::size_t size) override {
    count("truncate", path);
    inner_.truncate(path, size);
  }
  void make_folder(const std::string& path) override {
    count("make folder", path);
    inner_.make_folder(path);
    unsynced_folders_.insert(parent_folder(path));
  }
  void rename(const std::string& from, const std::string& to) override {
    count("rename", from);
    inner_.rename(from, to);
    for (std::set<std::string>* paths : {&unsynced_, &unsynced_folders_}) {
      std::set<std::string> moved;
      for (const std::string& path : *paths)
        moved.insert(path.starts_with(from) ? to + path.substr(from.size()) : path);
      *paths = std::move(moved);
    }
    unsynced_folders_.insert({parent_folder(from), parent_folder(to)});
  }
  void link(const std::string& target, const std::string& path) override {
    count("link", path);
    inner_.link(target, path);
    if (!linked_) unsynced_at_first_link_ = unsynced_folders_;
    linked_ = true;
    unsynced_folders_.insert(parent_folder(path));
  }
  void sync_folder(const std::string& path) override {
    count("sync folder", path);
    unsynced_folders_.erase(path);
  }
  void remove_all(const std::string& path) override {
    count("remove", path);
    inner_.remove_all(path);
    for (std::set<std::string>* paths : {&unsynced_, &unsynced_folders_})
      std::erase_if(*paths, [&](const std::string& other) { return other.starts_with(path); });
  }

 private:
  class File final : public OutputFile {
   public:
    File(FailingFileSystem& files, std::unique_ptr<OutputFile> inner, std::string path)
        : files_(files), inner_(std::move(inner)), path_(std::move(path)) {}
    void write(std::span<const std::byte> bytes) override {
      files_.unsynced_.insert(path_);
      if (files_.next_fails() && files_.failure_ == Failure::short_write)
        inner_->write(bytes.subspan(0, bytes.size() / 2));
      files_.count("write", path_);
      inner_->write(bytes);
    }
    void sync() override {
      files_.count("sync", path_);
      files_.unsynced_.erase(path_);
    }
    void close() override {
      files_.count("close", path_);
      inner_->close();
    }

   private:
    FailingFileSystem& files_;
    std::unique_ptr<OutputFile> inner_;
    std::string path_;
  };

  bool next_fails() const { return operations_ + 1 == fail_at_; }

  void count(const char* operation, const std::string& path) {
    const bool fails = next_fails();
    ++operations_;
    if (failure_ == Failure::crash && operations_ >= fail_at_) {
      if (fails) lose_unsynced();
      throw FileError(operation, path, EIO);
    }
    if (fails && failure_ != Failure::none)
      throw FileError(operation, path, failure_ == Failure::io_error ? EIO : ENOSPC);
  }

  void lose_unsynced() {
    for (const std::string& path : unsynced_) {
      std::error_code error;
      const auto size = std::filesystem::file_size(path, error);
      if (!error) std::filesystem::resize_file(path, size / 2, error);
    }
  }

  FileSystem& inner_;
  Failure failure_;
  int fail_at_;
  int operations_ = 0;
  std::set<std::string> unsynced_, unsynced_folders_, unsynced_at_first_link_;
  bool linked_ = false;
};

}  // namespace dl::test
