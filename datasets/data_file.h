#pragma once

#include <zlib.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"

namespace dl {

/// A file or folder of data is not there, which those who can do without it may pass over.
class MissingData final : public UserError {
 public:
  explicit MissingData(const std::string& message, const std::string& hint = {})
      : UserError(ExitCode::data, message, hint) {}
};

/// A data file, read from front to back; gzip is recognised by its first bytes and unpacked on the
/// way. All errors are UserError (ExitCode::data) that name the file and the byte (of what is
/// unpacked).
class DataFile {
 public:
  /// A regular file that exists; `hint` says how to come by it.
  explicit DataFile(std::string path, const std::string& hint = {});
  ~DataFile();
  DataFile(const DataFile&) = delete;
  DataFile& operator=(const DataFile&) = delete;

  const std::string& path() const { return path_; }
  bool packed() const { return packed_; }
  /// Bytes on the disk.
  std::uint64_t size() const { return size_; }
  std::uint64_t offset() const { return offset_; }

  /// Refuses a count that this file cannot hold. Ask before allocating what a header promises.
  void expect_room_for(std::uint64_t bytes) const;
  void read(std::span<std::uint8_t> out);
  std::uint32_t read_u32_big_endian();
  /// All that is left, which may be nothing; refuses more than `max_bytes`.
  std::string read_rest(std::uint64_t max_bytes);
  /// Refuses anything after the current byte, and a gzip file whose checksum does not fit.
  void expect_end();

  [[noreturn]] void fail(std::uint64_t offset, const std::string& message) const;

 private:
  std::size_t read_some(std::uint8_t* out, std::size_t count);

  std::string path_;
  gzFile file_ = nullptr;
  std::uint64_t size_ = 0, offset_ = 0;
  bool packed_ = false;
};

/// `path` or `path` + ".gz", whichever is there; the plain name when neither is.
std::string plain_or_gz(const std::string& path);

}  // namespace dl
