#include "layers/onnx_writer.h"
#include "layers/part_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

using dnnl::memory;

struct Params {
  std::vector<std::int64_t> dims;
};

ParamTable<Params> param_table() {
  return {required("dims", &Params::dims, between(-8, 8),
                   "the source's axes in the order of the result, the batch (0) first: [0, 2, 1] "
                   "swaps the two axes of a sample")};
}

/// The source with its axes in another order.
class Permute final : public Layer {
 public:
  explicit Permute(Params params) : dims_(std::move(params.dims)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    const std::vector<int> order = order_for(src[0]);
    std::vector<std::int64_t> dst;
    for (const int axis : order) dst.push_back(src[0][axis]);
    return {Shape(std::move(dst))};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const std::vector<int> order = order_for(onnx.src_shape(0));
    return {onnx.add("Transpose", {onnx.src(0)},
                     {{"perm", std::vector<std::int64_t>(order.begin(), order.end())}})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const std::vector<int> order = order_for(src[0].shape());
    const memory::desc desc = choose_layout(src[0].desc, order);
    const memory::desc from = moved_back(desc, order);
    auto grad =
        [=, src_desc = src[0].desc](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      return {back.as(back.view(back.as(*diff_dst[0], desc), from), src_desc)};
    };
    return {{tape.view(tape.as(src[0], from), desc)}, grad};
  }

  /// Where an axis of a source of that rank is in the result.
  std::size_t place_of(std::size_t axis) const {
    for (std::size_t i = 0; i < dims_.size(); ++i) {
      if (axis_of(dims_[i]) == static_cast<std::int64_t>(axis)) return i;
    }
    return axis;
  }

 private:
  std::int64_t axis_of(std::int64_t dim) const { return dim < 0 ? dim + std::ssize(dims_) : dim; }

  std::vector<int> order_for(const Shape& src) const {
    if (dims_.size() != src.rank()) {
      throw ShapeError("dims names " + std::to_string(dims_.size()) + " axes, but " + src.text() +
                           " has " + std::to_string(src.rank()) + " with the batch",
                       "name each once, the batch (0) first");
    }
    std::vector<int> order;
    std::vector<bool> named(dims_.size());
    for (const std::int64_t dim : dims_) {
      const std::int64_t axis = axis_of(dim);
      if (axis < 0 || axis >= std::ssize(dims_) || named[axis]) {
        throw ShapeError("dims must name each axis of " + src.text() + " once, but " +
                             std::to_string(dim) + " is " +
                             (axis < 0 || axis >= std::ssize(dims_) ? "none" : "there twice"),
                         "the batch is axis 0");
      }
      named[axis] = true;
      order.push_back(static_cast<int>(axis));
    }
    if (order[0] != 0)
      throw ShapeError(
          "dims begins with " + std::to_string(dims_[0]) + ", but the batch stays first",
          "dims: [0, ...]");
    return order;
  }

  /// The layout of the source that, its axes moved, is `desc`.
  static memory::desc moved_back(const memory::desc& desc, const std::vector<int>& order) {
    const memory::dims dims = desc.get_dims(), strides = desc.get_strides();
    memory::dims from(order.size()), from_strides(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      from[order[i]] = dims[i];
      from_strides[order[i]] = strides[i];
    }
    return {from, desc.get_data_type(), from_strides};
  }

  /// Row-major, or channels last where that is how the source lies: then nothing is copied.
  memory::desc choose_layout(const memory::desc& src, const std::vector<int>& order) const {
    const Shape from(src.get_dims()), dst = infer({&from, 1})[0];
    if (src.get_data_type() == memory::data_type::f32) {
      const memory::desc last = channels_last(dst);
      if (moved_back(last, order) == src) return last;
    }
    return plain_desc(dst, src.get_data_type());
  }

  std::vector<std::int64_t> dims_;
};

}  // namespace

LayerKind permute_kind() {
  LayerKind kind = make_kind<Permute>("permute",
                                      "puts the axes of a sample into another order, as series "
                                      "(steps, features) to what conv reads, (features, steps)",
                                      one_source(), param_table());
  kind.moves_axis = [](const Layer& layer, std::size_t axis) {
    return static_cast<const Permute&>(layer).place_of(axis);
  };
  return kind;
}

}  // namespace dl
