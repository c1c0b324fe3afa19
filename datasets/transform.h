#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/picture_buffers.h"
#include "engine/core/random.h"

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

/// What a list of transforms comes to, collected while the list is read.
struct TransformPlan {
  DataSpec spec;                   // of the samples so far
  std::optional<ResizeTo> resize;  // of the source, before all else
  bool windowed = false;           // something after which a resize would come too late
  bool pixels = false;             // the input is bytes, 0..255
  bool random = false;             // something draws numbers for each sample
  float fill = 0.0F;               // padding, in the source's units
  bool normalised = false;
  std::vector<float> mean{0.0F}, std{1.0F};  // one, or one a channel; of pixels scaled to 0..1
  std::int64_t one_hot_classes = 0;          // 0: labels stay numbers
  PictureOrder order = PictureOrder::planes;
  std::array<std::int64_t, 3> unrolled{};  // what became a sequence: channels, height, width

  /// The input as channels x height x width; none when it is no picture. Height and width are 0
  /// where they differ.
  std::optional<std::array<std::int64_t, 3>> picture() const;
};

/// One entry of a list of transforms. Its random part is only ever a window on the picture, and its
/// fixed part goes into the plan, so that a list of any length is one pass over the pixels, after
/// decoding and resizing.
class Transform {
 public:
  virtual ~Transform() = default;
  /// Throws ShapeError when what comes in does not fit.
  virtual void plan(TransformPlan& plan) const = 0;
  /// Throws PictureError when the picture is too small, which only pictures of any size can be.
  virtual void draw(PictureWindow& window, Random& random) const;
};

using TransformKind = Kind<std::unique_ptr<Transform>>;
const std::vector<TransformKind>& all_transform_kinds();

/// From the raw samples of a source to what the network gets: float inputs (bytes divided by 255),
/// labels as int32 or one-hot floats. Immutable; any number of threads may use it.
class Pipeline {
 public:
  /// Throws UserError with the positions of all mistakes in `transforms`; `place` is that of the
  /// whole list.
  Pipeline(const DataSpec& source, std::span<const TypedNode> transforms, const Mark& place = {});
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  const DataSpec& source() const { return source_; }
  /// What comes out: shapes of the network's inputs and targets.
  const DataSpec& spec() const { return plan_.spec; }
  /// Whether pictures of any size come out as one: resized, and cropped where that leaves them
  /// open.
  bool takes_any_size() const {
    return plan_.resize && (plan_.resize->shorter == 0 || plan_.windowed);
  }
  /// Whether any transform draws numbers for each sample: otherwise epoch and sample do not matter.
  bool random() const { return plan_.random; }
  /// Whether any transform mixes the samples of a batch.
  bool mixes() const { return false; }

  /// Writes one sample; `raw` and `out` hold a buffer for each input and target, and
  /// `buffers.decoded` the picture where the source's is encoded. The random part is a function of
  /// seed, epoch and sample alone. Throws PictureError when a picture of any size does not fit.
  void apply(SampleBuffers raw, SampleBuffers out, std::uint64_t seed, std::uint64_t epoch,
             std::uint64_t sample, PictureBuffers& buffers) const;

 private:
  void add(const TypedNode& entry);
  void expect_fixed_size(std::span<const TypedNode> transforms, const Mark& place) const;
  PictureWindow draw_window(std::int64_t height, std::int64_t width, Random random) const;
  void apply_pixels(PictureView picture, float* dst, Random random, Resizer& resizer) const;
  void apply_floats(const float* src, float* dst, Random random) const;

  DataSpec source_;
  TransformPlan plan_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  std::vector<std::string_view> names_;
  std::array<std::int64_t, 3> from_{}, to_{};  // channels, height, width; of the source 0: differ
  std::vector<float> table_;                   // value of each byte, a row of 256 for each channel
};

}  // namespace dl
