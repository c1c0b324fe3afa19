#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "datasets/splits.h"

namespace dl {

/// Whether every sample has one class: a label, and not the tokens that follow.
bool has_labels(const DataSpec& spec);

/// Reads the labels of a data set that has them; for one thread.
class LabelReader {
 public:
  explicit LabelReader(const Dataset& dataset);
  std::int32_t operator()(std::size_t index);

 private:
  const Dataset& dataset_;
  std::vector<std::vector<std::byte>> room_;  // for a sample
  std::vector<std::span<std::byte>> buffers_;
  std::size_t label_ = 0;  // among them
};

/// The samples of each class, in their order. Throws UserError (ExitCode::data) at `mark` when a
/// class has none.
std::vector<std::vector<std::uint32_t>> samples_by_class(const SampleSet& set, const Mark& mark);

}  // namespace dl
