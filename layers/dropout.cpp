#include "layers/dropout_util.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  float p = 0.5F;
};

ParamTable<Params> param_table() {
  return {with_default("p", &Params::p, from_to_below(0, 1),
                       "share of the elements that become zero in training; the others are "
                       "multiplied by 1 / (1 - p)")
              .also({"rate", "drop_rate", "prob", "probability"})};
}

/// PyTorch's dropout.
class Dropout final : public Layer {
 public:
  explicit Dropout(Params params) : p_(params.p) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override { return {src[0]}; }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const { return {onnx.src(0)}; }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const bool active = tape.randomises() && p_ > 0;
    const std::uint64_t layer = tape.layer_key();
    auto grad =
        [=, this, desc = src[0].desc](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      if (!active) return {*diff_dst[0]};
      return {record_dropout(back, back.as(*diff_dst[0], desc), p_, layer)};
    };
    return {{active ? record_dropout(tape, src[0], p_, layer) : src[0]}, grad};
  }

 private:
  float p_;
};

}  // namespace

LayerKind dropout_kind() {
  LayerKind kind =
      make_kind<Dropout>("dropout", "zeroes random elements in training; nothing in evaluation",
                         one_source(), param_table());
  kind.random = true;
  return kind;
}

}  // namespace dl
