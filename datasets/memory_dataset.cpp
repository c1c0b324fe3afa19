#include "datasets/memory_dataset.h"

#include <zlib.h>

#include <cassert>
#include <cstdio>
#include <cstring>

namespace dl {

MemoryDataset::MemoryDataset(DataSpec spec, std::vector<std::uint8_t> pixels,
                             std::vector<std::uint8_t> labels)
    : spec_(std::move(spec)), pixels_(std::move(pixels)), labels_(std::move(labels)) {
  assert(pixels_.size() == labels_.size() * spec_.inputs[0].bytes());
}

void MemoryDataset::read(std::size_t index, SampleBuffers out) const {
  assert(index < labels_.size());
  const std::size_t bytes = out[0].size();
  std::memcpy(out[0].data(), pixels_.data() + index * bytes, bytes);
  const std::int32_t label = labels_[index];
  std::memcpy(out[1].data(), &label, sizeof(label));
}

std::string MemoryDataset::fingerprint() const {
  unsigned long crc = crc32_z(0, pixels_.data(), pixels_.size());
  crc = crc32_z(crc, labels_.data(), labels_.size());
  char text[64];
  std::snprintf(text, sizeof(text), "%zu samples, crc32 %08lx", labels_.size(), crc);
  return text;
}

DataSpec labelled_pictures(std::vector<std::int64_t> shape, std::int64_t classes,
                           std::vector<std::string> class_names) {
  return {.inputs = {{"image", DataType::u8, std::move(shape)}},
          .targets = {{"label", DataType::s32, {}}},
          .classes = classes,
          .class_names = std::move(class_names)};
}

}  // namespace dl
