#pragma once

#include "datasets/dataset.h"

namespace dl {

/// The two files of a split, in the format that MNIST came in (IDX, bytes), plain or gzip.
struct IdxFiles {
  std::string images, labels;
  std::string hint = {};  // how to come by them
};

/// Reads and checks both files against `spec`: dimensions, counts, labels, lengths.
std::unique_ptr<Dataset> open_idx(const IdxFiles& files, const DataSpec& spec);

/// A data set in MNIST's form: four files of known names in one folder.
class IdxSource final : public DataSource {
 public:
  IdxSource(DataSpec spec, IdxFiles train, IdxFiles test)
      : spec_(std::move(spec)), train_(std::move(train)), test_(std::move(test)) {}

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override;
  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override;

 private:
  DataSpec spec_;
  IdxFiles train_, test_;  // paths before DataPaths::resolve
};

}  // namespace dl
