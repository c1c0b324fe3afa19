#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config_node.h"

namespace dl::test {

/// A new folder under the system's temporary one, removed with all in it at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

using Bytes = std::vector<std::uint8_t>;

void write_bytes(const std::string& path, const Bytes& bytes);
/// The same of a text, with the folders above the file.
void write_text(const std::string& path, const std::string& text);
Bytes read_bytes(const std::string& path);
void write_gzip(const std::string& path, const Bytes& bytes);

/// An IDX file's bytes: header of unsigned bytes with `dims`, then `body`.
Bytes idx_bytes(const std::vector<std::uint32_t>& dims, const Bytes& body);

/// Pixels that anyone can recompute: byte `index` of picture `sample` (and what its label is of
/// `classes`).
std::uint8_t test_pixel(std::size_t sample, std::size_t index);
std::uint8_t test_label(std::size_t sample, int classes);

/// CIFAR-10 in its binary version: five files of `per_file` pictures and a test file of as many.
/// The label is visible in the picture (bright stripe at 3 * label rows), so that a network can
/// learn it.
void write_cifar10(const std::string& folder, std::size_t per_file);
/// CIFAR-100: train.bin and test.bin; coarse label = fine label / 5.
void write_cifar100(const std::string& folder, std::size_t per_file);

/// Four IDX files under MNIST's names.
void write_mnist(const std::string& folder, std::size_t train, std::size_t test);

/// `{type: {key: value, ...}}` without a file. Values: numbers and words, or [lists, of, them].
TypedNode typed(const std::string& type,
                const std::vector<std::pair<std::string, std::string>>& params = {});

}  // namespace dl::test
