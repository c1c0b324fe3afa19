#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

/// Which pixel of the source a pixel of the result is: row = top + y, column = left + step * x.
/// Whatever lies outside the source, or was cut away by an earlier crop, is padding.
struct PictureWindow {
  PictureWindow(std::int64_t source_height, std::int64_t source_width)
      : height(source_height), width(source_width), end_row(height), end_column(width) {}

  /// Makes the result this part of what it was; it may reach beyond it.
  void crop(std::int64_t from_row, std::int64_t from_column, std::int64_t new_height,
            std::int64_t new_width);
  void mirror();
  /// The columns of the result that are not padding, where its row is none: from, to below.
  std::pair<std::int64_t, std::int64_t> visible_columns() const;
  bool operator==(const PictureWindow&) const = default;

  std::int64_t height, width;  // of the result
  std::int64_t top = 0, left = 0;
  std::int64_t step = 1;                                              // -1: mirrored
  std::int64_t first_row = 0, end_row, first_column = 0, end_column;  // not cut away
};

/// A size that pictures are scaled to.
struct ResizeTo {
  std::int64_t height = 0, width = 0;
  std::int64_t shorter = 0;  // not 0: of the shorter side, instead of both

  std::array<std::int64_t, 2> of(std::int64_t source_height, std::int64_t source_width) const;
};

/// In which order a picture's numbers are handed on.
enum class PictureOrder {
  planes,  // channels, height, width
  rows,    // a sequence of rows: height, channels * width
  pixels,  // a sequence of pixels: height * width, channels
};

/// Where the numbers of a picture are in memory.
struct PicturePlacing {
  PicturePlacing(PictureOrder order, std::int64_t channels, std::int64_t height,
                 std::int64_t width);
  std::int64_t channels, height, width;
  std::int64_t plane_step, row_step, pixel_step;
};

/// Samples of a batch are mixed with probability `p`, in shares of Beta(alpha, alpha).
struct MixRule {
  double alpha = 1, p = 1;
};
struct MixRules {
  std::optional<MixRule> mixup, cutmix;  // both: one of them, at random, for each batch
};

/// What a list of transforms comes to, collected while the list is read.
struct TransformPlan {
  DataSpec spec;                   // of the samples so far
  std::optional<ResizeTo> resize;  // of the source, before all else
  bool windowed = false;           // something after which a resize would come too late
  bool pixels = false;             // the input is bytes, 0..255
  bool random = false;             // something draws numbers for each sample
  bool erased = false;             // the picture is done but for its order
  float fill = 0.0F;               // padding, in the source's units
  bool normalised = false;
  std::vector<float> mean{0.0F}, std{1.0F};  // one, or one a channel; of pixels scaled to 0..1
  std::int64_t one_hot_classes = 0;          // 0: labels stay numbers
  bool soft_labels = false;                  // one_hot because of `mix`, in training alone
  MixRules mix;
  bool mixing = false;  // the last one read was one of `mix`
  PictureOrder order = PictureOrder::planes;
  std::array<std::int64_t, 3> unrolled{};  // what became a sequence: channels, height, width

  /// The input as channels x height x width; none when it is no picture. Height and width are 0
  /// where they differ.
  std::optional<std::array<std::int64_t, 3>> picture() const;
};

}  // namespace dl
