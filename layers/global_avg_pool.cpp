#include "layers/onnx_writer.h"
#include "layers/pool_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {};

/// The mean of each channel; the spatial axes stay, with size 1.
class GlobalAvgPool final : public Layer {
 public:
  explicit GlobalAvgPool(Params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_picture("global_avg_pool", src[0]);
    return {window_dst(src[0], src[0][1], whole(src[0]))};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    return {onnx.add("GlobalAveragePool", {onnx.src(0)})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    return record_pooling(tape, src[0], dnnl::algorithm::pooling_avg_exclude_padding,
                          whole(src[0].shape()));
  }

 private:
  /// One window over all of `src`.
  static Window whole(const Shape& src) {
    WindowChoice choice;
    choice.kernel.sizes.assign(src.dims().begin() + 2, src.dims().end());
    return place_window(choice, src);
  }
};

}  // namespace

LayerKind global_avg_pool_kind() {
  LayerKind kind = make_kind<GlobalAvgPool>(
      "global_avg_pool", "the mean of each channel: (C, 1, 1)", one_source(), ParamTable<Params>{});
  kind.reads_channels = true;
  kind.others = {"gap", "global_average_pool", "global_average_pooling", "global_pool"};
  return kind;
}

}  // namespace dl
