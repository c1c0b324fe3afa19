#include "layers/onnx_writer.h"
#include "layers/part_util.h"
#include "layers/registry.h"
#include "layers/window_util.h"

namespace dl {
namespace {

struct Params {
  std::vector<std::int64_t> padding;
  std::vector<std::int64_t> channels;
  float value = 0;
};

ParamTable<Params> param_table() {
  return {
      with_default("padding", &Params::padding, padding_limits(),
                   "places before and after each spatial axis, the last axis first, as in PyTorch: "
                   "[left, right, top, bottom]"),
      with_default("channels", &Params::channels, padding_limits(),
                   "channels before and after: [before, after]"),
      with_default("value", &Params::value, "what the new places hold"),
  };
}

/// A constant around (N, C, ...): PyTorch's ConstantPad, and of channels too.
class Pad final : public Layer {
 public:
  explicit Pad(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    check_counts(src[0]);
    Shape dst = src[0];
    for (std::size_t axis = 1; axis < dst.rank(); ++axis)
      dst[axis] += before(src[0], axis) + after(src[0], axis);
    require_size("the padded picture", dst.dims());
    return {dst};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const Shape& src = onnx.src_shape(0);
    std::vector<std::int64_t> pads(2 * src.rank(), 0);  // all before, then all after
    for (std::size_t axis = 1; axis < src.rank(); ++axis) {
      pads[axis] = before(src, axis);
      pads[src.rank() + axis] = after(src, axis);
    }
    return {
        onnx.add("Pad", {onnx.src(0), onnx.constant(std::move(pads)), onnx.number(params_.value)})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape shape = src[0].shape();
    Box box{shape, dnnl::memory::dims(shape.rank(), 0)};
    for (std::size_t axis = 1; axis < shape.rank(); ++axis) box.offsets[axis] = before(shape, axis);
    const dnnl::memory::desc layout = layout_like(src[0].desc, infer({&shape, 1})[0]);
    const Value dst = record_place(tape, src[0], box, layout, params_.value);
    auto grad =
        [box, desc = src[0].desc](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      return {record_cut(back, *diff_dst[0], box, desc)};
    };
    return {{dst}, grad};
  }

 private:
  void check_counts(const Shape& src) const {
    if (src.rank() < 2) throw ShapeError("pad needs a source with channels but gets one value");
    const std::size_t spatial = src.spatial_rank();
    if (!params_.padding.empty() && params_.padding.size() != 2 * spatial) {
      throw ShapeError("padding has " + std::to_string(params_.padding.size()) + " numbers, but " +
                       src.text() + " has " + std::to_string(spatial) +
                       " spatial axes, which take two each");
    }
    if (!params_.channels.empty() && params_.channels.size() != 2) {
      throw ShapeError("channels has " + std::to_string(params_.channels.size()) +
                       " numbers, must have 2: [before, after]");
    }
  }

  /// What stands before and after an axis; the lists begin with the last one.
  std::int64_t before(const Shape& src, std::size_t axis) const { return side(src, axis, 0); }
  std::int64_t after(const Shape& src, std::size_t axis) const { return side(src, axis, 1); }
  std::int64_t side(const Shape& src, std::size_t axis, std::size_t which) const {
    if (axis == 1) return params_.channels.empty() ? 0 : params_.channels[which];
    return params_.padding.empty() ? 0 : params_.padding[2 * (src.rank() - 1 - axis) + which];
  }

  Params params_;
};

}  // namespace

LayerKind pad_kind() {
  return make_kind<Pad>("pad", "a constant around spatial axes and channels", one_source(),
                        param_table())
      .also({"padding", "zero_pad", "zero_padding"});
}

}  // namespace dl
