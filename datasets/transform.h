#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "engine/core/random.h"

namespace dl {

/// Which pixel of the source a pixel of the result is: row = top + y, column = left + step * x.
/// Whatever lies outside the source is padding.
struct PictureWindow {
  std::int64_t height = 0, width = 0;  // of the result
  std::int64_t top = 0, left = 0;
  std::int64_t step = 1;  // -1: mirrored
};

/// What a list of transforms comes to, collected while the list is read.
struct TransformPlan {
  DataSpec spec;        // of the samples so far
  bool pixels = false;  // the input is bytes, 0..255
  float fill = 0.0F;    // padding, in the source's units
  bool normalised = false;
  std::vector<float> mean{0.0F}, std{1.0F};  // one, or one a channel; of pixels scaled to 0..1
  std::int64_t one_hot_classes = 0;          // 0: labels stay numbers

  /// The input as channels x height x width; none when it is no picture.
  std::optional<std::array<std::int64_t, 3>> picture() const;
};

/// One entry of a list of transforms. Its random part is only ever a window on the picture, and its
/// fixed part goes into the plan, so that a list of any length is one pass over the pixels.
class Transform {
 public:
  virtual ~Transform() = default;
  /// Throws ShapeError when what comes in does not fit.
  virtual void plan(TransformPlan& plan) const = 0;
  virtual void draw(PictureWindow& window, Random& random) const;
};

using TransformKind = Kind<std::unique_ptr<Transform>>;
const std::vector<TransformKind>& all_transform_kinds();

/// From the raw samples of a source to what the network gets: float inputs (bytes divided by 255),
/// labels as int32 or one-hot floats. Immutable; any number of threads may use it.
class Pipeline {
 public:
  /// Throws UserError with the positions of all mistakes in `transforms`.
  Pipeline(const DataSpec& source, std::span<const TypedNode> transforms);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  const DataSpec& source() const { return source_; }
  /// What comes out: shapes of the network's inputs and targets.
  const DataSpec& spec() const { return plan_.spec; }

  /// Writes one sample; `raw` and `out` hold a buffer for each input and target. The random part is
  /// a function of seed, epoch and sample alone.
  void apply(SampleBuffers raw, SampleBuffers out, std::uint64_t seed, std::uint64_t epoch,
             std::uint64_t sample) const;

 private:
  void add(const TypedNode& entry);
  void apply_input(std::span<const std::byte> raw, std::span<std::byte> out, Random random) const;

  DataSpec source_;
  TransformPlan plan_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  std::vector<std::string_view> names_;
  std::array<std::int64_t, 3> from_{}, to_{};  // channels, height, width
  std::vector<float> table_;                   // value of each byte, a row of 256 for each channel
};

}  // namespace dl
