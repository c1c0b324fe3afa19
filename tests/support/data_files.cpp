#include "tests/support/data_files.h"

#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "core/text.h"

namespace dl::test {
namespace {

constexpr std::size_t kPlane = 32 * 32;

Bytes cifar_picture(std::size_t sample, int label) {
  Bytes pixels(3 * kPlane);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t row = i % kPlane / 32;
    const bool bright = row / 3 == static_cast<std::size_t>(label % 10);
    pixels[i] = bright ? 230 : test_pixel(sample, i) / 4;
  }
  return pixels;
}

Bytes cifar_records(std::size_t first, std::size_t count, bool hundred) {
  Bytes bytes;
  for (std::size_t i = first; i < first + count; ++i) {
    const std::uint8_t label = test_label(i, hundred ? 100 : 10);
    if (hundred) bytes.push_back(label / 5);
    bytes.push_back(label);
    const Bytes pixels = cifar_picture(i, label);
    bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  }
  return bytes;
}

}  // namespace

TempFolder::TempFolder() {
  path_ = (std::filesystem::temp_directory_path() / "dltool-test-XXXXXX").string();
  if (!::mkdtemp(path_.data())) throw std::runtime_error("mkdtemp failed");
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_bytes(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_bytes(path, {text.begin(), text.end()});
}

Bytes read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_gzip(const std::string& path, const Bytes& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

Bytes idx_bytes(const std::vector<std::uint32_t>& dims, const Bytes& body) {
  Bytes bytes = {0, 0, 8, static_cast<std::uint8_t>(dims.size())};
  for (const std::uint32_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(dim >> shift & 0xff);
  }
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

std::uint8_t test_pixel(std::size_t sample, std::size_t index) {
  const std::uint32_t mixed = static_cast<std::uint32_t>(sample * 7919 + index) * 2654435761U;
  return mixed >> 24;
}

std::uint8_t test_label(std::size_t sample, int classes) { return sample * 7 % classes; }

void write_cifar10(const std::string& folder, std::size_t per_file) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < 5; ++i) {
    write_bytes(folder + "/data_batch_" + std::to_string(i + 1) + ".bin",
                cifar_records(i * per_file, per_file, false));
  }
  write_bytes(folder + "/test_batch.bin", cifar_records(5 * per_file, per_file, false));
}

void write_cifar100(const std::string& folder, std::size_t per_file) {
  std::filesystem::create_directories(folder);
  write_bytes(folder + "/train.bin", cifar_records(0, per_file, true));
  write_bytes(folder + "/test.bin", cifar_records(per_file, per_file, true));
}

void write_mnist(const std::string& folder, std::size_t train, std::size_t test) {
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& prefix, std::size_t first, std::size_t count) {
    Bytes pixels, labels;
    for (std::size_t i = first; i < first + count; ++i) {
      for (std::size_t k = 0; k < 28 * 28; ++k) pixels.push_back(test_pixel(i, k));
      labels.push_back(test_label(i, 10));
    }
    const auto n = static_cast<std::uint32_t>(count);
    write_bytes(folder + "/" + prefix + "-images-idx3-ubyte", idx_bytes({n, 28, 28}, pixels));
    write_bytes(folder + "/" + prefix + "-labels-idx1-ubyte", idx_bytes({n}, labels));
  };
  write("train", 0, train);
  write("t10k", train, test);
}

TypedNode typed(const std::string& type,
                const std::vector<std::pair<std::string, std::string>>& params) {
  std::vector<ConfigNode::Entry> entries;
  for (const auto& [key, text] : params) {
    ConfigNode value = ConfigNode::scalar(text, {});
    if (text.starts_with('[')) {
      std::vector<ConfigNode> items;
      for (const std::string& item : split(text.substr(1, text.size() - 2), ',')) {
        items.push_back(ConfigNode::scalar(item.substr(item.find_first_not_of(' ')), {}));
      }
      value = ConfigNode::list(std::move(items), {});
    }
    entries.push_back({key, {}, std::move(value)});
  }
  return {type, {}, ConfigNode::map(std::move(entries), {})};
}

}  // namespace dl::test
