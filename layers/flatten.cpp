#include "layers/onnx_writer.h"
#include "layers/registry.h"
#include "layers/view_util.h"

namespace dl {
namespace {

struct Params {
  int start_axis = 1;
};

ParamTable<Params> param_table() {
  return {with_default("start_axis", &Params::start_axis, between(1, 8),
                       "the first axis that goes into the last one; the batch is axis 0")};
}

/// (N, C, H, W) becomes (N, C * H * W), in PyTorch's order.
class Flatten final : public Layer {
 public:
  explicit Flatten(Params params) : start_(params.start_axis) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() <= start_) {
      throw ShapeError("start_axis " + std::to_string(start_) + " is beyond the axes of " +
                       src[0].text());
    }
    std::vector<std::int64_t> dims(src[0].dims().begin(), src[0].dims().begin() + start_);
    std::int64_t rest = 1;
    for (std::size_t axis = start_; axis < src[0].rank(); ++axis) rest *= src[0][axis];
    dims.push_back(rest);
    return {Shape(std::move(dims))};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    if (start_ == 1) return {onnx.add("Flatten", {onnx.src(0)}, {{"axis", std::int64_t{1}}})};
    std::vector<std::int64_t> dims(start_, 0);  // as they come
    dims.push_back(-1);
    return {onnx.add("Reshape", {onnx.src(0), onnx.constant(std::move(dims))})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape shape = src[0].shape();
    return record_view(tape, src[0], infer({&shape, 1})[0]);
  }

 private:
  std::size_t start_;
};

}  // namespace

LayerKind flatten_kind() {
  return make_kind<Flatten>("flatten", "joins the axes of a sample into one", one_source(),
                            param_table());
}

}  // namespace dl
