#include <array>
#include <cassert>
#include <filesystem>

#include "datasets/data_file.h"
#include "datasets/kinds.h"
#include "datasets/memory_dataset.h"

// CIFAR's binary versions: records of one or two label bytes and 3x32x32 bytes of pixels.
namespace dl {
namespace {

constexpr std::size_t kPixels = 3 * 32 * 32;

struct Format {
  std::vector<std::string> train, test;  // file names
  std::string folder;                    // where the archive unpacks to
  std::string archive;
  std::vector<std::int64_t> label_classes;  // of each label byte, in order
  std::size_t label = 0;                    // which of them is the target
};

/// Appends all records of a file.
void read_records(const std::string& path, const Format& format, std::vector<std::uint8_t>& pixels,
                  std::vector<std::uint8_t>& labels) {
  DataFile file(path, "download " + format.archive + " and unpack it there");
  if (file.packed()) file.fail(0, "is gzip: unpack the archive");
  const std::size_t label_bytes = format.label_classes.size();
  const std::uint64_t record = label_bytes + kPixels;
  const std::uint64_t count = file.size() / record;
  if (count == 0 || file.size() % record != 0) {
    file.fail(file.size(), "the file ends in the middle of a record (each has " +
                               std::to_string(record) + " bytes)");
  }
  std::size_t at = pixels.size();
  pixels.resize(at + count * kPixels);
  for (std::uint64_t i = 0; i < count; ++i, at += kPixels) {
    std::array<std::uint8_t, 2> label{};
    file.read(std::span(label).first(label_bytes));
    for (std::size_t k = 0; k < label_bytes; ++k) {
      if (label[k] >= format.label_classes[k]) {
        file.fail(i * record + k, "label " + std::to_string(label[k]) + " is out of range 0 to " +
                                      std::to_string(format.label_classes[k] - 1));
      }
    }
    labels.push_back(label[format.label]);
    file.read(std::span(pixels).subspan(at, kPixels));
  }
  file.expect_end();
}

class CifarSource final : public DataSource {
 public:
  CifarSource(std::string path, Format format, std::vector<std::string> class_names)
      : path_(std::move(path)),
        format_(std::move(format)),
        spec_(labelled_pictures({3, 32, 32}, format_.label_classes[format_.label],
                                std::move(class_names))) {}

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override { return split != Split::valid; }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    assert(has(split));
    const std::vector<std::string>& names = split == Split::train ? format_.train : format_.test;
    std::string folder = paths.resolve(path_);
    // The archive makes a folder of its own.
    std::error_code ignored;
    const std::string inner = folder + "/" + format_.folder;
    if (std::filesystem::is_directory(inner, ignored)) folder = inner;
    std::vector<std::uint8_t> pixels, labels;
    for (const std::string& name : names) {
      read_records(folder + "/" + name, format_, pixels, labels);
    }
    return std::make_unique<MemoryDataset>(spec_, std::move(pixels), std::move(labels));
  }

 private:
  std::string path_;
  Format format_;
  DataSpec spec_;
};

Format cifar10_format() {
  return {.train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                    "data_batch_5.bin"},
          .test = {"test_batch.bin"},
          .folder = "cifar-10-batches-bin",
          .archive = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
          .label_classes = {10}};
}

enum class Labels { coarse, fine };

Format cifar100_format(Labels labels) {
  return {.train = {"train.bin"},
          .test = {"test.bin"},
          .folder = "cifar-100-binary",
          .archive = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
          .label_classes = {20, 100},
          .label = labels == Labels::coarse ? 0U : 1U};
}

struct Cifar10Params {
  std::string path = "@data/cifar10";
};
ParamTable<Cifar10Params> cifar10_table() {
  return {data_path(
      with_default("path", &Cifar10Params::path,
                   "folder of data_batch_1.bin to data_batch_5.bin and test_batch.bin, or the one "
                   "that the archive was unpacked in"))};
}

}  // namespace

template <>
struct EnumWords<Labels> {
  static constexpr std::pair<std::string_view, Labels> words[] = {{"coarse", Labels::coarse},
                                                                  {"fine", Labels::fine}};
};

namespace {

struct Cifar100Params {
  std::string path = "@data/cifar100";
  Labels labels = Labels::fine;
};
ParamTable<Cifar100Params> cifar100_table() {
  return {
      data_path(with_default("path", &Cifar100Params::path,
                             "folder of train.bin and test.bin, or the one that the archive was "
                             "unpacked in")),
      with_default("labels", &Cifar100Params::labels, "20 coarse classes or 100 fine ones")};
}

}  // namespace

DataKind cifar10_kind() {
  return {"cifar10", "CIFAR-10, binary version: 50,000 and 10,000 colour pictures, 3x32x32",
          specs_of(cifar10_table()), [](const ConfigNode& node) {
            return std::make_unique<CifarSource>(
                read_params(node, cifar10_table()).path, cifar10_format(),
                std::vector<std::string>{"airplane", "automobile", "bird", "cat", "deer", "dog",
                                         "frog", "horse", "ship", "truck"});
          }};
}

DataKind cifar100_kind() {
  return {"cifar100", "CIFAR-100, binary version: 50,000 and 10,000 colour pictures, 3x32x32",
          specs_of(cifar100_table()), [](const ConfigNode& node) {
            const Cifar100Params params = read_params(node, cifar100_table());
            return std::make_unique<CifarSource>(params.path, cifar100_format(params.labels),
                                                 std::vector<std::string>{});
          }};
}

}  // namespace dl
