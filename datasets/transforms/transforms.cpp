#include <cmath>

#include "datasets/transforms/transform_kinds.h"
#include "datasets/transforms/transform_util.h"

namespace dl {
namespace {

// --- normalize
// -------------------------------------------------------------------------------------

struct NormalizeParams {
  PerChannel mean, std;
};
ParamTable<NormalizeParams> normalize_table() {
  return {required("mean", &NormalizeParams::mean,
                   "of pixels scaled to 0..1; for all channels or each"),
          required("std", &NormalizeParams::std, above(0), "of pixels scaled to 0..1")};
}

class Normalize final : public Transform {
 public:
  explicit Normalize(NormalizeParams params) : params_(std::move(params)) {}

  void plan(TransformPlan& plan) const override {
    if (plan.spec.inputs[0].type == DataType::s32) throw ShapeError("the samples are tokens");
    expect_unerased(plan);
    const auto picture = plan.picture();
    const std::int64_t channels = picture ? (*picture)[0] : 1;
    check_channels("mean", params_.mean, channels);
    check_channels("std", params_.std, channels);
    plan.mean = params_.mean.values;
    plan.std = params_.std.values;
    plan.normalised = true;
  }

 private:
  NormalizeParams params_;
};

// --- sizes
// -----------------------------------------------------------------------------------------

/// What is known of the size of a picture before one is seen.
struct KnownSize {
  explicit KnownSize(const TransformPlan& plan) {
    const auto [channels, h, w] = expect_picture(plan);
    if (h > 0) {
      height = h;
      width = w;
    } else if (plan.resize && plan.resize->shorter > 0) {
      height = width = plan.resize->shorter;
      at_least = true;
    }
  }
  bool has_room_for(std::int64_t wanted_height, std::int64_t wanted_width) const {
    return height == 0 || (wanted_height <= height && wanted_width <= width);
  }
  std::string text() const {
    return at_least ? "whose shorter side is " + std::to_string(height) : size_text(height, width);
  }

  std::int64_t height = 0, width = 0;  // 0: not known
  bool at_least = false;               // one of both is larger
};

// --- resize
// ----------------------------------------------------------------------------------------

struct ResizeParams {
  Spatial size;
};
ParamTable<ResizeParams> resize_table() {
  return {required("size", &ResizeParams::size, between(1, kMaxSide),
                   "of the shorter side, the other keeping the proportion; or [height, width]")};
}

class Resize final : public Transform {
 public:
  explicit Resize(ResizeParams params) : params_(std::move(params)) {}

  void plan(TransformPlan& plan) const override {
    check_axes("size", params_.size);
    const auto [channels, height, width] = expect_picture(plan);
    if (!plan.pixels) throw ShapeError("the samples are no pictures of bytes");
    if (plan.windowed || plan.normalised || plan.erased)
      throw ShapeError("must stand before all others that change a picture");
    const std::vector<std::int64_t>& size = params_.size.sizes;
    plan.resize = size.size() == 1 ? ResizeTo{.shorter = size[0]}
                                   : ResizeTo{.height = size[0], .width = size[1]};
    if (height == 0 && size.size() == 1) return;  // the proportion is not known
    const auto [new_height, new_width] = plan.resize->of(height, width);
    if (is_too_large(new_height, new_width))
      throw ShapeError("gives pictures of " + size_text(new_height, new_width));
    plan.spec.inputs[0].shape = {channels, new_height, new_width};
  }

 private:
  ResizeParams params_;
};

// --- center_crop
// -----------------------------------------------------------------------------------

struct CenterParams {
  Spatial size;
};
ParamTable<CenterParams> center_table() {
  return {required("size", &CenterParams::size, between(1, kMaxSide),
                   "of the result, [height, width] or one for both")};
}

class CenterCrop final : public Transform {
 public:
  explicit CenterCrop(CenterParams params) : params_(std::move(params)) {}

  void plan(TransformPlan& plan) const override {
    check_axes("size", params_.size);
    const std::int64_t height = along(params_.size, 0), width = along(params_.size, 1);
    if (const KnownSize known(plan); !known.has_room_for(height, width)) {
      throw ShapeError("size " + size_text(height, width) + " is larger than the source, " +
                       known.text());
    }
    expect_unerased(plan);
    plan.windowed = true;
    plan.spec.inputs[0].shape = {expect_picture(plan)[0], height, width};
  }

  void draw(PictureWindow& window, Random&) const override {
    const std::int64_t height = along(params_.size, 0), width = along(params_.size, 1);
    window.crop(offset(window.height, height), offset(window.width, width), height, width);
  }

 private:
  /// Where torchvision cuts: half of an odd rest is rounded to the even neighbour, and what is too
  /// small is padded, the odd line behind.
  static std::int64_t offset(std::int64_t source, std::int64_t size) {
    if (source < size) return -((size - source) / 2);
    const std::int64_t rest = source - size, half = rest / 2;
    return rest % 2 == 0 ? half : half + half % 2;
  }

  CenterParams params_;
};

// --- random_crop
// -----------------------------------------------------------------------------------

struct CropParams {
  Spatial size;  // empty: the source's
  Spatial padding = 0;
  float fill = 0.0F;
};
ParamTable<CropParams> crop_table() {
  return {with_default("size", &CropParams::size, between(1, 1 << 16),
                       "of the result, [height, width] or one for both; default: the source's"),
          with_default("padding", &CropParams::padding, between(0, 1 << 16),
                       "on each side before cropping, [height, width] or one for both"),
          with_default("fill", &CropParams::fill,
                       "value of padding, before any scaling (bytes: 0 to 255)")};
}

class RandomCrop final : public Transform {
 public:
  explicit RandomCrop(CropParams params) : params_(std::move(params)) {}

  void plan(TransformPlan& plan) const override {
    check_axes("size", params_.size);
    check_axes("padding", params_.padding);
    const auto [channels, height, width] = expect_picture(plan);
    if (plan.normalised) {
      throw ShapeError("must stand before normalize", "padding is in the units of the source");
    }
    if (plan.pixels &&
        !(params_.fill >= 0 && params_.fill <= 255 && params_.fill == std::floor(params_.fill))) {
      throw ShapeError("fill is " + number_text(params_.fill) + ", must be a byte, 0 to 255");
    }
    const Area area = area_of(height, width);
    const KnownSize known(plan);
    if (!known.has_room_for(area.height - 2 * area.pad_y, area.width - 2 * area.pad_x)) {
      throw ShapeError("size " + size_text(area.height, area.width) +
                       " is larger than the source, " + known.text() + " with its padding");
    }
    expect_unerased(plan);
    plan.windowed = true;
    plan.random = true;
    plan.fill = params_.fill;
    plan.spec.inputs[0].shape = {channels, area.height, area.width};
  }

  void draw(PictureWindow& window, Random& random) const override {
    const Area area = area_of(window.height, window.width);
    const auto offset = [&](std::int64_t source, std::int64_t size, std::int64_t pad) {
      if (source + 2 * pad < size) {
        throw PictureError("is " + size_text(window.height, window.width) +
                           " (after resize, where there is one), too small for random_crop's " +
                           size_text(area.height, area.width));
      }
      return static_cast<std::int64_t>(random.below(source + 2 * pad - size + 1)) - pad;
    };
    const std::int64_t top = offset(window.height, area.height, area.pad_y);
    window.crop(top, offset(window.width, area.width, area.pad_x), area.height, area.width);
  }

 private:
  struct Area {
    std::int64_t height, width, pad_y, pad_x;
  };
  Area area_of(std::int64_t height, std::int64_t width) const {
    const bool own = !params_.size.empty();
    return {own ? along(params_.size, 0) : height, own ? along(params_.size, 1) : width,
            along(params_.padding, 0), along(params_.padding, 1)};
  }

  CropParams params_;
};

// --- random_flip
// -----------------------------------------------------------------------------------

struct FlipParams {
  float p = 0.5F;
};
ParamTable<FlipParams> flip_table() {
  return {
      with_default("p", &FlipParams::p, between(0, 1), "probability of mirroring left and right")};
}

class RandomFlip final : public Transform {
 public:
  explicit RandomFlip(FlipParams params) : params_(params) {}

  void plan(TransformPlan& plan) const override {
    expect_picture(plan);
    expect_unerased(plan);
    plan.windowed = true;
    plan.random = true;
  }

  void draw(PictureWindow& window, Random& random) const override {
    if (random.uniform() < params_.p) window.mirror();
  }

 private:
  FlipParams params_;
};

// --- one_hot
// ---------------------------------------------------------------------------------------

struct OneHotParams {
  std::optional<std::int64_t> classes;
};
ParamTable<OneHotParams> one_hot_table() {
  return {with_default("classes", &OneHotParams::classes, between(1, 1 << 20),
                       "length of the vector; default: the data's classes")};
}

class OneHot final : public Transform {
 public:
  explicit OneHot(OneHotParams params) : params_(params) {}

  void plan(TransformPlan& plan) const override {
    if (plan.spec.targets.empty() || plan.spec.targets[0].type != DataType::s32 ||
        !plan.spec.targets[0].shape.empty() || !plan.spec.classes) {
      throw ShapeError("the data has no labels");
    }
    const std::int64_t classes = params_.classes.value_or(*plan.spec.classes);
    if (classes < *plan.spec.classes) {
      throw ShapeError("classes is " + std::to_string(classes) + ", but the data has " +
                       std::to_string(*plan.spec.classes));
    }
    plan.one_hot_classes = classes;
    plan.spec.targets[0].type = DataType::f32;
    plan.spec.targets[0].shape = {classes};
  }

 private:
  OneHotParams params_;
};

// --- rows, pixels
// ----------------------------------------------------------------------------------

struct NoParams {};

/// A picture becomes a sequence.
template <PictureOrder kOrder>
class Unroll final : public Transform {
 public:
  explicit Unroll(NoParams) {}

  void plan(TransformPlan& plan) const override {
    const auto [channels, height, width] = expect_picture(plan);
    if (height == 0) {
      throw ShapeError("the pictures are of any size",
                       "put a resize with [height, width] or a crop with a size before it");
    }
    plan.order = kOrder;
    plan.unrolled = {channels, height, width};
    if (kOrder == PictureOrder::rows) {
      plan.spec.inputs[0].shape = {height, channels * width};
    } else {
      plan.spec.inputs[0].shape = {height * width, channels};
    }
  }
};

}  // namespace

const std::vector<TransformKind>& all_transform_kinds() {
  static const std::vector<TransformKind> kinds = {
      make_kind<CenterCrop>("center_crop", "the middle of a picture", center_table()),
      color_jitter_kind(),
      cutmix_kind(),
      mixup_kind(),
      make_kind<Normalize>("normalize", "(pixel / 255 - mean) / std, channel by channel",
                           normalize_table())
          .also({"normalise", "normalization", "standardize"}),
      make_kind<OneHot>("one_hot", "labels as vectors of zeros and a one", one_hot_table()),
      make_kind<Unroll<PictureOrder::pixels>>(
          "pixels", "a picture as a sequence of its pixels, row by row: height * width, channels",
          ParamTable<NoParams>{}),
      make_kind<RandomCrop>("random_crop", "a random piece of the padded picture", crop_table()),
      random_erasing_kind(),
      make_kind<RandomFlip>("random_flip", "mirrors a picture at random", flip_table())
          .also({"random_horizontal_flip", "horizontal_flip", "hflip", "flip"}),
      random_resized_crop_kind(),
      make_kind<Resize>("resize", "scales a picture, antialiased, as Pillow's BILINEAR does",
                        resize_table()),
      make_kind<Unroll<PictureOrder::rows>>(
          "rows", "a picture as a sequence of its rows: height, channels * width",
          ParamTable<NoParams>{}),
  };
  return kinds;
}

}  // namespace dl
