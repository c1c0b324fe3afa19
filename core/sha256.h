#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/file_system.h"

namespace dl {

/// SHA-256, piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits. Nothing can be added afterwards.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view text);

/// What a file's bytes must be.
struct FileDigest {
  std::uint64_t bytes = 0;
  std::string sha256;
  bool operator==(const FileDigest&) const = default;
};

/// Writes a new file and hashes it on the way: one pass over the bytes.
class HashedFile {
 public:
  HashedFile(FileSystem& files, const std::string& path) : file_(files.create(path)) {}
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Syncs and closes.
  FileDigest finish();

 private:
  std::unique_ptr<OutputFile> file_;
  Sha256 hash_;
  std::uint64_t bytes_ = 0;
};

}  // namespace dl
