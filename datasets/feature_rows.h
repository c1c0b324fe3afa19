#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/aligned_buffer.h"
#include "core/file_system.h"
#include "datasets/dataset.h"

namespace dl {

/// Samples that were computed, one row of bytes each: the fields of a spec, one behind the other.
class FeatureRows final : public Dataset {
 public:
  /// `origin` is what they were computed from: it has baselines and the fingerprint.
  FeatureRows(DataSpec spec, const Dataset& origin, AlignedBuffer rows, std::size_t count);
  /// Rows in a file that FeatureFile wrote. Throws UserError (ExitCode::data) when it is damaged.
  FeatureRows(DataSpec spec, const Dataset& origin, const std::string& path, std::size_t count);

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return count_; }
  void read(std::size_t index, SampleBuffers out) const override;
  std::vector<std::pair<std::string, double>> baselines() const override {
    return origin_.baselines();
  }
  std::string fingerprint() const override { return origin_.fingerprint(); }

 private:
  void read_from_file(std::size_t index, SampleBuffers out) const;

  DataSpec spec_;
  const Dataset& origin_;
  std::size_t count_, row_bytes_;
  AlignedBuffer memory_;
  std::unique_ptr<InputFile> file_;
  std::string path_;
};

std::size_t row_bytes_of(const DataSpec& spec);

/// Takes the rows of a data set, in order.
class FeatureSink {
 public:
  virtual ~FeatureSink() = default;
  virtual void add(std::span<const std::byte> row) = 0;
};

class FeatureMemory final : public FeatureSink {
 public:
  FeatureMemory(std::size_t rows, std::size_t row_bytes) : buffer_(rows * row_bytes) {}
  void add(std::span<const std::byte> row) override;
  AlignedBuffer take() { return std::move(buffer_); }

 private:
  AlignedBuffer buffer_;
  std::size_t used_ = 0;
};

/// A file of rows: a header of 128 bytes that says `digest` and the sizes, then each row with its
/// CRC-32 behind it. It gets its name when it is whole.
class FeatureFile final : public FeatureSink {
 public:
  FeatureFile(FileSystem& files, std::string path, const std::string& digest, std::size_t rows,
              std::size_t row_bytes);
  ~FeatureFile() override;
  FeatureFile(const FeatureFile&) = delete;
  FeatureFile& operator=(const FeatureFile&) = delete;

  void add(std::span<const std::byte> row) override;
  void finish();
  static std::uint64_t bytes_of(std::size_t rows, std::size_t row_bytes);
  enum class State { absent, damaged, whole };
  /// Whether a file of that content is there. Every row is read: the file can be made again now,
  /// but not in the middle of a training that finds a row damaged.
  static State look_at(const std::string& path, const std::string& digest, std::size_t rows,
                       std::size_t row_bytes);

 private:
  void flush();

  FileSystem& files_;
  std::string path_, temporary_;
  std::unique_ptr<OutputFile> file_;
  std::string buffer_;
};

}  // namespace dl
