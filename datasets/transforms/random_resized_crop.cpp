#include "datasets/transforms/random_resized_crop.h"

#include <cstring>

#include "datasets/transforms/transform_kinds.h"

namespace dl {
namespace {

struct Params {
  Spatial size;
  DrawnRange scale{0.08, 1}, ratio{3.0 / 4.0, 4.0 / 3.0};
};
ParamTable<Params> param_table() {
  return {required("size", &Params::size, between(1, kMaxSide),
                   "of the result, [height, width] or one for both"),
          with_default("scale", &Params::scale, above_to(0, 1),
                       "the piece's share of the picture's area, [min, max]"),
          with_default("ratio", &Params::ratio, above(0),
                       "the piece's width over its height, [min, max]")};
}

class RandomResizedCrop final : public Transform {
 public:
  explicit RandomResizedCrop(Params params) : params_(std::move(params)) {}

  void plan(TransformPlan& plan) const override {
    check_axes("size", params_.size);
    const std::int64_t channels = expect_picture(plan)[0];
    if (!plan.pixels) throw ShapeError("the samples are no pictures of bytes");
    if (plan.normalised || plan.erased)
      throw ShapeError("must stand before normalize and random_erasing");
    const std::int64_t height = along(params_.size, 0), width = along(params_.size, 1);
    if (is_too_large(height, width))
      throw ShapeError("gives pictures of " + size_text(height, width));
    plan.windowed = plan.random = true;
    plan.spec.inputs[0].shape = {channels, height, width};
  }

  bool changes_pixels() const override { return true; }
  PictureView change(const PictureView& picture, Random& random,
                     PictureBuffers& buffers) const override {
    const PictureBox box =
        draw_crop(picture.height, picture.width, {params_.scale, params_.ratio}, random);
    return resized_crop(picture, box, along(params_.size, 0), along(params_.size, 1), buffers);
  }

 private:
  Params params_;
};

}  // namespace

PictureView resized_crop(const PictureView& picture, const PictureBox& box, std::int64_t height,
                         std::int64_t width, PictureBuffers& buffers) {
  const std::int64_t together = picture.planar ? 1 : picture.channels;
  const std::int64_t planes = picture.planar ? picture.channels : 1;
  const std::int64_t row = box.width * together;
  std::vector<std::uint8_t>& piece = buffers.piece;
  const auto bytes = static_cast<std::size_t>(planes * box.height * row);
  if (piece.size() < bytes) piece.resize(bytes);
  std::uint8_t* dst = piece.data();
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t y = 0; y < box.height; ++y, dst += row) {
      const std::int64_t line = plane * picture.height + box.top + y;
      std::memcpy(dst, picture.pixels + (line * picture.width + box.left) * together,
                  static_cast<std::size_t>(row));
    }
  }
  return buffers.piece_resizer.resize(
      {piece.data(), picture.channels, box.height, box.width, picture.planar}, height, width);
}

TransformKind random_resized_crop_kind() {
  return make_kind<RandomResizedCrop>(
      "random_resized_crop", "a random piece of the picture, scaled as resize does", param_table());
}

}  // namespace dl
