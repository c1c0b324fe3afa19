#include "datasets/images/idx_file.h"

#include <array>
#include <cassert>
#include <cstdio>

#include "core/error.h"
#include "core/shape.h"
#include "datasets/data_file.h"
#include "datasets/memory_dataset.h"

namespace dl {
namespace {

constexpr std::uint32_t kBytes = 0x08;  // the third byte of the magic number: unsigned bytes
constexpr std::uint32_t kMaxDims = 4;

struct IdxArray {
  std::vector<std::uint32_t> dims;
  std::vector<std::uint8_t> bytes;
};

std::string dims_text(std::span<const std::uint32_t> dims) {
  std::vector<std::string> parts;
  for (const std::uint32_t dim : dims) parts.push_back(std::to_string(dim));
  return join(parts, "x");
}

std::vector<std::uint32_t> read_dims(DataFile& file) {
  const std::uint32_t magic = file.read_u32_big_endian();
  if (magic >> 16 != 0) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%08x", magic);
    file.fail(0, "not an IDX file: it begins with " + std::string(text.data()) + ", not with 0000");
  }
  if ((magic >> 8 & 0xff) != kBytes) {
    file.fail(
        2, "element type " + std::to_string(magic >> 8 & 0xff) + ", expected 8 (unsigned bytes)");
  }
  const std::uint32_t rank = magic & 0xff;
  if (rank < 1 || rank > kMaxDims)
    file.fail(3, std::to_string(rank) + " dimensions, expected 1 to 4");
  std::vector<std::uint32_t> dims(rank);
  for (std::uint32_t& dim : dims) dim = file.read_u32_big_endian();
  return dims;
}

std::uint64_t byte_count(const DataFile& file, std::span<const std::uint32_t> dims) {
  std::uint64_t count = 1;
  for (const std::uint32_t dim : dims) {
    if (__builtin_mul_overflow(count, std::uint64_t{dim}, &count)) {
      file.fail(4, "dimensions " + dims_text(dims) + " are beyond any file's size");
    }
  }
  return count;
}

/// `check` sees the dimensions before anything is allocated.
template <class Check>
IdxArray read_idx(const std::string& path, const std::string& hint, const Check& check) {
  DataFile file(path, hint);
  IdxArray array;
  array.dims = read_dims(file);
  if (array.dims[0] == 0) file.fail(4, "holds no samples");
  check(file, array.dims);
  const std::uint64_t count = byte_count(file, array.dims);
  file.expect_room_for(count);
  array.bytes.resize(count);
  file.read(array.bytes);
  file.expect_end();
  return array;
}

/// 28x28 in the file is 1x28x28 in the spec: pictures without an axis of channels have one.
void check_picture(const DataFile& file, std::span<const std::uint32_t> dims, const Field& field) {
  std::vector<std::int64_t> found(dims.begin() + 1, dims.end());
  const std::string shown = dims_text(dims.subspan(1));
  if (found.size() + 1 == field.shape.size()) found.insert(found.begin(), 1);
  if (found != field.shape) {
    std::vector<std::int64_t> wanted = field.shape;
    wanted.insert(wanted.begin(), 1);
    file.fail(8, "a sample is " + (shown.empty() ? "one number" : shown) + ", expected " +
                     Shape(wanted).text());
  }
}

void check_labels(const IdxFiles& files, std::span<const std::uint8_t> labels,
                  std::int64_t classes) {
  constexpr std::uint64_t kHeader = 8;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= classes) {
      DataFile(files.labels)
          .fail(kHeader + i, "label " + std::to_string(labels[i]) + " is out of range 0 to " +
                                 std::to_string(classes - 1));
    }
  }
}

}  // namespace

std::unique_ptr<Dataset> open_idx(const IdxFiles& files, const DataSpec& spec) {
  IdxArray images = read_idx(files.images, files.hint, [&](const DataFile& file, auto dims) {
    check_picture(file, dims, spec.inputs[0]);
  });
  IdxArray labels = read_idx(files.labels, files.hint, [&](const DataFile& file, auto dims) {
    if (dims.size() != 1)
      file.fail(3, "labels have " + std::to_string(dims.size()) + " dimensions, expected 1");
    if (dims[0] != images.dims[0]) {
      file.fail(4, std::to_string(dims[0]) + " labels, but " + files.images + " has " +
                       std::to_string(images.dims[0]) + " samples");
    }
  });
  check_labels(files, labels.bytes, *spec.classes);
  return std::make_unique<MemoryDataset>(spec, std::move(images.bytes), std::move(labels.bytes));
}

bool IdxSource::has(Split split) const {
  return split == Split::train || (split == Split::test && !test_.images.empty());
}

std::unique_ptr<Dataset> IdxSource::open(Split split, const DataPaths& paths) const {
  assert(has(split));
  const IdxFiles& named = split == Split::train ? train_ : test_;
  const auto found = [&](const std::string& name) { return plain_or_gz(paths.resolve(name)); };
  return open_idx({found(named.images), found(named.labels), named.hint}, spec_);
}

}  // namespace dl
