#include "datasets/feature_rows.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <random>
#include <vector>

#include "core/error.h"

namespace dl {
namespace {

constexpr std::size_t kHeaderBytes = 128, kBuffer = 1 << 18;
using Crc = std::uint32_t;

Crc crc_of(Crc before, std::span<const std::byte> bytes) {
  return static_cast<Crc>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string header_of(const std::string& digest, std::size_t rows, std::size_t row_bytes) {
  std::string header = "dltool features 1\n" + digest + "\n" + std::to_string(rows) + " rows of " +
                       std::to_string(row_bytes) + " bytes\n";
  header.resize(kHeaderBytes, ' ');
  return header;
}

}  // namespace

std::size_t row_bytes_of(const DataSpec& spec) {
  std::size_t bytes = 0;
  for (const Field& field : spec.inputs) bytes += field.bytes();
  for (const Field& field : spec.targets) bytes += field.bytes();
  return bytes;
}

FeatureRows::FeatureRows(DataSpec spec, const Dataset& origin, AlignedBuffer rows,
                         std::size_t count)
    : spec_(std::move(spec)),
      origin_(origin),
      count_(count),
      row_bytes_(row_bytes_of(spec_)),
      memory_(std::move(rows)) {
  assert(memory_.bytes() == count_ * row_bytes_);
}

FeatureRows::FeatureRows(DataSpec spec, const Dataset& origin, const std::string& path,
                         std::size_t count)
    : spec_(std::move(spec)),
      origin_(origin),
      count_(count),
      row_bytes_(row_bytes_of(spec_)),
      file_(std::make_unique<InputFile>(path)),
      path_(path) {}

void FeatureRows::read(std::size_t index, SampleBuffers out) const {
  assert(index < count_);
  if (file_) return read_from_file(index, out);
  const std::byte* at = memory_.data() + index * row_bytes_;
  for (const std::span<std::byte> field : out) {
    std::memcpy(field.data(), at, field.size());
    at += field.size();
  }
}

void FeatureRows::read_from_file(std::size_t index, SampleBuffers out) const {
  std::uint64_t at = kHeaderBytes + index * (row_bytes_ + sizeof(Crc));
  Crc crc = 0, written = 0;
  try {
    for (const std::span<std::byte> field : out) {
      file_->read_at(at, field);
      crc = crc_of(crc, field);
      at += field.size();
    }
    file_->read_at(at, std::as_writable_bytes(std::span(&written, 1)));
  } catch (const FileError& error) {
    throw UserError(ExitCode::data, error.what());
  }
  if (crc == written) return;
  throw UserError(ExitCode::data,
                  path_ + ": damaged: the features of sample " + std::to_string(index) +
                      " are not what was written",
                  "resume the run: they are computed again");
}

void FeatureMemory::add(std::span<const std::byte> row) {
  assert(used_ + row.size() <= buffer_.bytes());
  std::memcpy(buffer_.data() + used_, row.data(), row.size());
  used_ += row.size();
}

FeatureFile::FeatureFile(FileSystem& files, std::string path, const std::string& digest,
                         std::size_t rows, std::size_t row_bytes)
    : files_(files),
      path_(std::move(path)),
      temporary_(path_ + ".tmp-" + std::to_string(::getpid()) + "-" +
                 std::to_string(std::random_device()())),  // two machines may share the folder
      file_(files_.create(temporary_)),
      buffer_(header_of(digest, rows, row_bytes)) {}

FeatureFile::~FeatureFile() {
  if (file_) remove_quietly(files_, temporary_);
}

void FeatureFile::add(std::span<const std::byte> row) {
  const Crc crc = crc_of(0, row);
  buffer_.append(reinterpret_cast<const char*>(row.data()), row.size());
  buffer_.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
  if (buffer_.size() >= kBuffer) flush();
}

void FeatureFile::flush() {
  file_->write(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
}

void FeatureFile::finish() {
  flush();
  file_->sync();
  file_->close();
  files_.rename(temporary_, path_);
  file_.reset();
  files_.sync_folder(parent_folder(path_));
}

std::uint64_t FeatureFile::bytes_of(std::size_t rows, std::size_t row_bytes) {
  return kHeaderBytes + static_cast<std::uint64_t>(rows) * (row_bytes + sizeof(Crc));
}

FeatureFile::State FeatureFile::look_at(const std::string& path, const std::string& digest,
                                        std::size_t rows, std::size_t row_bytes) {
  if (!exists(path)) return State::absent;
  try {
    const InputFile file(path);
    if (file.size() != bytes_of(rows, row_bytes)) return State::damaged;
    std::string header(kHeaderBytes, '\0');
    file.read_at(0, std::as_writable_bytes(std::span(header)));
    if (header != header_of(digest, rows, row_bytes)) return State::damaged;
    const std::size_t each = row_bytes + sizeof(Crc);
    const std::size_t at_once = std::max<std::size_t>(kBuffer / each, 1);
    std::vector<std::byte> block(at_once * each);
    for (std::size_t first = 0; first < rows; first += at_once) {
      const std::span<std::byte> some =
          std::span(block).first(std::min(at_once, rows - first) * each);
      file.read_at(kHeaderBytes + std::uint64_t{first} * each, some);
      for (std::size_t at = 0; at < some.size(); at += each) {
        Crc written = 0;
        std::memcpy(&written, some.data() + at + row_bytes, sizeof written);
        if (crc_of(0, some.subspan(at, row_bytes)) != written) return State::damaged;
      }
    }
    return State::whole;
  } catch (const FileError&) {
    return State::damaged;
  }
}

}  // namespace dl
