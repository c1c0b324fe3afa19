#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "datasets/images/image_buffers.h"
#include "datasets/transforms/transform_plan.h"

namespace dl {

/// One entry of a list of transforms. Its fixed part goes into the plan, and its random part mostly
/// is a window on the picture, so that a list of such is one pass over the pixels, after decoding
/// and resizing. What changes pixels is a pass of its own.
class Transform {
 public:
  virtual ~Transform() = default;
  /// Throws ShapeError when what comes in does not fit.
  virtual void plan(TransformPlan& plan) const = 0;
  /// Throws PictureError when the picture is too small, which only pictures of any size can be.
  virtual void draw(PictureWindow&, Random&) const {}
  /// Makes other bytes of a picture's, in `buffers`; then there is change() instead of draw().
  virtual bool changes_pixels() const { return false; }
  virtual PictureView change(const PictureView& picture, Random&, PictureBuffers&) const {
    return picture;
  }
  /// After all others: changes the finished numbers.
  virtual void finish(float* /*picture*/, const PicturePlacing&, Random&) const {}
};

using TransformKind = Kind<std::unique_ptr<Transform>>;
const std::vector<TransformKind>& all_transform_kinds();

enum class Randomness { allowed, refused };

/// From the raw samples of a source to what the network gets: float inputs (bytes divided by 255),
/// labels as int32 or one-hot floats. Immutable; any number of threads may use it.
class Pipeline {
 public:
  /// Throws UserError with the positions of all mistakes in `transforms`; `place` is that of the
  /// whole list.
  Pipeline(const DataSpec& source, std::span<const TypedNode> transforms, const Mark& place = {},
           Randomness randomness = Randomness::allowed);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  const DataSpec& source() const { return source_; }
  /// What comes out: shapes of the network's inputs and targets.
  const DataSpec& spec() const { return plan_.spec; }
  /// What the transforms come to.
  const TransformPlan& plan() const { return plan_; }
  /// Whether pictures of any size come out as one: resized, and cropped where that leaves them
  /// open.
  bool takes_any_size() const {
    return plan_.resize && (plan_.resize->shorter == 0 || plan_.windowed);
  }
  /// Whether any transform draws numbers for each sample: otherwise epoch and sample do not matter.
  bool random() const { return plan_.random; }
  /// Whether any transform mixes the samples of a batch.
  bool mixes() const { return plan_.mix.mixup || plan_.mix.cutmix; }
  /// Labels have become class probabilities for the sake of mixing; evaluation keeps the labels.
  bool soft_labels() const { return plan_.soft_labels; }

  /// Writes one sample; `raw` and `out` hold a buffer for each input and target, and
  /// `buffers.decoded` the picture where the source's is encoded. The random part is a function of
  /// seed, epoch and sample alone. Throws PictureError when a picture of any size does not fit.
  void apply(SampleBuffers raw, SampleBuffers out, std::uint64_t seed, std::uint64_t epoch,
             std::uint64_t sample, PictureBuffers& buffers) const;
  /// Mixes the samples of a batch and their targets where they are; a function of seed, epoch and
  /// the batch's number in the epoch alone.
  void mix(std::span<float> inputs, std::span<float> targets, std::size_t samples,
           std::uint64_t seed, std::uint64_t epoch, std::uint64_t batch) const;

 private:
  void add(const TypedNode& entry, Randomness randomness);
  void expect_fixed_size(std::span<const TypedNode> transforms, const Mark& place) const;
  PictureWindow draw_window(PictureView& picture, Random& random, PictureBuffers& buffers) const;
  PictureView cut(const PictureView& picture, const PictureWindow& window,
                  std::vector<std::uint8_t>& room) const;
  void apply_pixels(PictureView picture, float* dst, Random& random, PictureBuffers& buffers) const;
  void apply_floats(const float* src, float* dst, Random& random) const;
  void apply_label(std::span<const std::byte> raw, std::span<std::byte> out) const;
  PicturePlacing placing() const;

  DataSpec source_;
  TransformPlan plan_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  std::vector<std::string_view> names_;
  std::array<std::int64_t, 3> from_{}, to_{};  // channels, height, width; of the source 0: differ
  std::vector<float> table_;                   // value of each byte, a row of 256 for each channel
};

}  // namespace dl
