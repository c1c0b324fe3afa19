#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/aligned_buffer.h"
#include "engine/train/checkpoint.h"

namespace dl {

/// A checkpoint in memory that was not saved yet: a copy of all that may change meanwhile.
class HeldCheckpoint {
 public:
  /// Whether the weight of that name stays as it is for as long as this is held.
  using IsFixed = std::function<bool(std::string_view weight)>;

  bool empty() const { return empty_; }
  std::int64_t step() const { return step_; }
  /// Valid until the next take(), and as long as what is fixed stays where it is.
  const CheckpointContent& content() const { return content_; }

  /// Takes the place of what was held. Weights that are fixed, and their slots, are not copied.
  void take(std::int64_t step, const CheckpointContent& content, const IsFixed& is_fixed);
  void drop() { empty_ = true; }
  /// What take() would copy.
  static std::size_t bytes_of(const CheckpointContent& content, const IsFixed& is_fixed);

 private:
  bool empty_ = true;
  std::int64_t step_ = 0;
  CheckpointContent content_;
  AlignedBuffer copy_;
};

}  // namespace dl
