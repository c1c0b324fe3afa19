#include "layers/onnx_util.h"
#include "layers/registry.h"
#include "layers/view_util.h"
#include "layers/window_util.h"

namespace dl {
namespace {

struct Params {
  std::vector<std::int64_t> shape;
};

ParamTable<Params> param_table() {
  return {required("shape", &Params::shape, between(-1, 1 << 24),
                   "of a sample, without the batch; one size may be -1: what is left")};
}

/// The same numbers under another shape, in row-major order.
class Reshape final : public Layer {
 public:
  explicit Reshape(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    std::vector<std::int64_t> dims = {src[0][0]};
    dims.insert(dims.end(), params_.shape.begin(), params_.shape.end());
    std::vector<std::int64_t> known;
    std::int64_t* open = nullptr;
    for (std::size_t axis = 1; axis < dims.size(); ++axis) {
      if (dims[axis] == 0) throw ShapeError("shape holds 0");
      if (dims[axis] > 0) {
        known.push_back(dims[axis]);
      } else if (open) {
        throw ShapeError("shape holds -1 more than once");
      } else {
        open = &dims[axis];
      }
    }
    require_size("the shape", known);
    const std::int64_t given = Shape(known).elements();
    const std::int64_t had = src[0].elements() / src[0][0];
    if (open ? had % given != 0 : had != given) {
      throw ShapeError("the " + std::to_string(had) + " values of " + src[0].text() +
                       " do not fit " + sizes_text(params_.shape));
    }
    if (open) *open = had / given;
    return {Shape(std::move(dims))};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    return {write_reshape(onnx, onnx.src(0), params_.shape)};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape shape = src[0].shape();
    return record_view(tape, src[0], infer({&shape, 1})[0]);
  }

 private:
  Params params_;
};

}  // namespace

LayerKind reshape_kind() {
  return make_kind<Reshape>("reshape", "the same values under another shape, in row-major order",
                            one_source(), param_table())
      .also({"view"});
}

}  // namespace dl
