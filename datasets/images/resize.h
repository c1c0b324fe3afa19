#pragma once

#include "datasets/images/image.h"

namespace dl {

/// Scales pictures by a triangle filter that grows wider as they shrink, so that nothing is
/// skipped: byte for byte Pillow's resize(BILINEAR). Keeps the memory that it needs from picture to
/// picture; for one thread.
class Resizer {
 public:
  /// Valid until the next call. Throws PictureError when the result would be too large.
  PictureView resize(const PictureView& src, std::int64_t height, std::int64_t width);

 private:
  /// How the pixels of an axis come from those of another length: for each, where its sources
  /// begin, how many there are, and their weights in fixed point.
  struct Axis {
    std::int64_t from = 0, to = 0;
    std::size_t stride = 0;  // weights kept for each pixel
    std::vector<std::int64_t> first, count;
    std::vector<std::int32_t> weights;
    std::vector<double> exact;  // weights of a pixel before they are rounded

    void plan(std::int64_t new_from, std::int64_t new_to);
  };

  /// One picture whose channels stand side by side.
  void resize_into(const std::uint8_t* src, std::int64_t channels, std::uint8_t* dst);
  void scale_rows(const std::uint8_t* src, std::int64_t channels, std::uint8_t* dst) const;
  void scale_columns(const std::uint8_t* src, std::int64_t row_bytes, std::uint8_t* dst);

  Axis rows_, columns_;  // across, down
  std::vector<std::uint8_t> between_, result_;
  std::vector<std::int32_t> sums_;  // of a row
};

}  // namespace dl
