#include "datasets/data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>

#include "core/error.h"

namespace dl {
namespace {

// Deflate cannot pack better than this (zlib's own figure is 1032:1).
constexpr std::uint64_t kMaxPackRatio = 1040;
constexpr std::size_t kMaxRead = std::size_t{1} << 24;  // what one gzread() is asked for

}  // namespace

DataFile::DataFile(std::string path, const std::string& hint) : path_(std::move(path)) {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) {
    const std::string message = path_ + ": " + std::strerror(errno);
    if (errno == ENOENT || errno == ENOTDIR) throw MissingData(message, hint);
    throw UserError(ExitCode::data, message, hint);
  }
  if (!S_ISREG(info.st_mode)) throw UserError(ExitCode::data, path_ + ": is no regular file");
  size_ = static_cast<std::uint64_t>(info.st_size);
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw UserError(ExitCode::data, path_ + ": " + std::strerror(errno));
  file_ = gzdopen(descriptor, "rb");
  if (!file_) {
    ::close(descriptor);
    throw UserError(ExitCode::data, path_ + ": cannot be read (out of memory)");
  }
  gzbuffer(file_, 1 << 17);
  packed_ = gzdirect(file_) == 0;
}

DataFile::~DataFile() { gzclose_r(file_); }

void DataFile::fail(std::uint64_t offset, const std::string& message) const {
  const std::string where = packed_ ? ": unpacked byte " : ": byte ";
  throw UserError(ExitCode::data, path_ + where + std::to_string(offset) + ": " + message);
}

void DataFile::expect_room_for(std::uint64_t bytes) const {
  if (packed_) {
    if (bytes / kMaxPackRatio > size_) {
      fail(offset_, std::to_string(bytes) + " bytes should follow, more than a gzip file of " +
                        std::to_string(size_) + " bytes can hold");
    }
    return;
  }
  const std::uint64_t rest = size_ - std::min(offset_, size_);
  if (bytes > rest) {
    fail(size_, "the file ends here, " + std::to_string(bytes - rest) + " bytes short of the " +
                    std::to_string(bytes) + " that should follow byte " + std::to_string(offset_));
  }
}

std::size_t DataFile::read_some(std::uint8_t* out, std::size_t count) {
  const int got = gzread(file_, out, static_cast<unsigned>(std::min(count, kMaxRead)));
  if (got <= 0) {
    // A gzip stream that is cut short reads as 0 bytes, and only gzerror() tells.
    int code = 0;
    const std::string text = gzerror(file_, &code);  // "<fd:3>: unexpected end of file"
    if (code == Z_ERRNO) fail(offset_, std::strerror(errno));
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code < 0) fail(offset_, "damaged gzip data (" + text.substr(text.rfind(": ") + 2) + ")");
  }
  offset_ += static_cast<std::uint64_t>(std::max(got, 0));
  return static_cast<std::size_t>(std::max(got, 0));
}

void DataFile::read(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t got = read_some(out.data() + done, out.size() - done);
    if (got == 0) {
      fail(offset_, "the file ends here, " + std::to_string(out.size() - done) + " bytes short");
    }
    done += got;
  }
}

std::uint32_t DataFile::read_u32_big_endian() {
  std::uint8_t b[4];
  read(b);
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

std::string DataFile::read_rest(std::uint64_t max_bytes) {
  std::string text;
  std::size_t done = 0;
  while (true) {
    if (done > max_bytes) {
      fail(offset_,
           "the file goes on, but more than " + std::to_string(max_bytes) + " bytes are not read");
    }
    // What a plain file has left and a byte to see its end; a packed one tells no size.
    const std::uint64_t rest =
        packed_ ? std::max<std::uint64_t>(done, 1 << 16) : size_ - std::min(offset_, size_);
    text.resize(done + static_cast<std::size_t>(std::min(rest, max_bytes - done)) + 1);
    const std::size_t got =
        read_some(reinterpret_cast<std::uint8_t*>(text.data()) + done, text.size() - done);
    done += got;
    if (got == 0) break;
  }
  text.resize(done);
  return text;
}

void DataFile::expect_end() {
  std::uint8_t extra = 0;
  const std::uint64_t end = offset_;
  if (read_some(&extra, 1) != 0) fail(end, "the data should end here, but the file goes on");
}

std::string plain_or_gz(const std::string& path) {
  std::error_code ignored;
  const bool only_packed =
      !std::filesystem::exists(path, ignored) && std::filesystem::exists(path + ".gz", ignored);
  return only_packed ? path + ".gz" : path;
}

}  // namespace dl
