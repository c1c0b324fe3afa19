#pragma once

#include "datasets/dataset.h"

namespace dl {

/// Pictures of bytes with one label each, held in memory.
class MemoryDataset final : public Dataset {
 public:
  /// `pixels` holds spec.inputs[0].bytes() for each of `labels`.
  MemoryDataset(DataSpec spec, std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> labels);

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return labels_.size(); }
  void read(std::size_t index, SampleBuffers out) const override;
  std::string fingerprint() const override;

 private:
  DataSpec spec_;
  std::vector<std::uint8_t> pixels_, labels_;
};

/// "image" of bytes and "label": what all data sets of labelled pictures look like.
DataSpec labelled_pictures(std::vector<std::int64_t> shape, std::int64_t classes,
                           std::vector<std::string> class_names = {});

}  // namespace dl
