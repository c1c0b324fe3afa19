#include "layers/onnx_util.h"
#include "layers/pool_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

ParamTable<PoolParams> param_table() {
  ParamTable<PoolParams> table = pool_params();
  table.push_back(with_default("dilation", &PoolParams::dilation, window_limits(),
                               "distance between the window's points"));
  return table;
}

/// The largest value of each window; padding never is.
class MaxPool final : public Layer {
 public:
  explicit MaxPool(PoolParams params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_picture("max_pool", src[0]);
    const Window window = pool_window(params_, src[0]);
    for (std::size_t i = 0; i < window.kernel.size(); ++i) {
      if (sees_source(window, i, src[0][i + 2])) continue;
      throw ShapeError("a window of kernel " + sizes_text(window.kernel) +
                       " sees only padding: source " + src[0].text() + " is too small");
    }
    return {window_dst(src[0], src[0][1], window)};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    return {onnx.add("MaxPool", {onnx.src(0)},
                     window_attributes(pool_window(params_, onnx.src_shape(0))))};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    return record_pooling(tape, src[0], dnnl::algorithm::pooling_max,
                          pool_window(params_, src[0].shape()));
  }

 private:
  /// With holes the first point of a window that lies in the source can be beyond its end.
  static bool sees_source(const Window& window, std::size_t axis, std::int64_t size) {
    const std::int64_t step = window.dilation[axis] + 1;
    for (std::int64_t place = 0; place < window.places[axis]; ++place) {
      const std::int64_t outside = window.before[axis] - place * window.stride[axis];
      if (outside <= 0) return true;  // and so for the windows behind this one
      if ((step - outside % step) % step >= size) return false;
    }
    return true;
  }

  PoolParams params_;
};

}  // namespace

LayerKind max_pool_kind() {
  LayerKind kind = make_kind<MaxPool>("max_pool", "the largest value of each window", one_source(),
                                      param_table());
  kind.reads_channels = true;
  kind.others = {"maximum_pool", "max_pooling", "pool"};
  return kind;
}

}  // namespace dl
