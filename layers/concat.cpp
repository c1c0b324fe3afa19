#include "layers/onnx_writer.h"
#include "layers/part_util.h"
#include "layers/registry.h"
#include "layers/sources_util.h"
#include "layers/window_util.h"

namespace dl {
namespace {

using dnnl::memory;

struct Params {
  int axis = 1;
};

ParamTable<Params> param_table() {
  return {with_default("axis", &Params::axis, between(1, 8),
                       "along which axis; 1 is channels or features, the batch is 0")};
}

/// dst = the sources one behind the other along an axis; PyTorch's cat.
class Concat final : public Layer {
 public:
  explicit Concat(Params params) : axis_(params.axis) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (axis_ >= src[0].rank()) {
      throw ShapeError("axis " + std::to_string(axis_) + " is beyond the axes of " + src[0].text());
    }
    Shape dst = src[0];
    for (std::size_t i = 1; i < src.size(); ++i) {
      Shape same = src[i];
      if (same.rank() == dst.rank()) same[axis_] = src[0][axis_];
      if (same != src[0]) {
        throw SourcesDiffer("sources differ in more than axis " + std::to_string(axis_), src,
                            {0, i});
      }
      dst[axis_] += src[i][axis_];
    }
    require_size("the concatenation", dst.dims());
    return {dst};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    std::vector<std::string> inputs;
    for (std::size_t i = 0; i < onnx.src_count(); ++i) inputs.push_back(onnx.src(i));
    return {onnx.add("Concat", std::move(inputs), {{"axis", static_cast<std::int64_t>(axis_)}})};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    std::vector<Shape> shapes;
    for (const Value& src : srcs) shapes.push_back(src.shape());
    const memory::desc layout = choose_layout(tape, srcs, infer(shapes)[0]);
    const Value dst = tape.value(layout);
    Args args = {{DNNL_ARG_DST, dst}};
    for (std::size_t i = 0; i < srcs.size(); ++i) {
      args.emplace_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i),
                        tape.as(srcs[i], layout_like(layout, shapes[i])));
    }
    tape.run(concat(tape, shapes, layout), args);

    const std::vector<Value> kept(srcs.begin(), srcs.end());
    auto grad = [kept, axis = axis_](Tape& back, std::span<const std::optional<Value>> diff_dst) {
      std::vector<std::optional<Value>> diff_src;
      std::int64_t offset = 0;
      for (const Value& src : kept) {
        Box box{src.shape(), memory::dims(src.shape().rank(), 0)};
        box.offsets[axis] = offset;
        offset += box.shape[axis];
        diff_src.emplace_back();
        if (src.needs_grad) diff_src.back() = record_cut(back, *diff_dst[0], box, src.desc);
      }
      return diff_src;
    };
    return {{dst}, grad};
  }

 private:
  dnnl::concat::primitive_desc concat(const Tape& tape, const std::vector<Shape>& shapes,
                                      const memory::desc& layout) const {
    std::vector<memory::desc> parts;
    for (const Shape& shape : shapes) parts.push_back(layout_like(layout, shape));
    return {tape.engine(), layout, static_cast<int>(axis_), parts, Tape::attr()};
  }

  /// That of the first source which a primitive laid out, unless oneDNN would fall to its slow
  /// implementation there: blocks of channels that other channels would split.
  memory::desc choose_layout(const Tape& tape, std::span<const Value> srcs,
                             const Shape& dst) const {
    std::vector<Shape> shapes;
    const Value* first = nullptr;
    for (const Value& src : srcs) {
      shapes.push_back(src.shape());
      if (!first && has_own_layout(src.desc)) first = &src;
    }
    if (!first) return plain_desc(dst);
    const memory::desc layout = layout_like(first->desc, dst);
    const std::string implementation = concat(tape, shapes, layout).impl_info_str();
    return implementation.starts_with("ref") ? channels_last(dst) : layout;
  }

  std::size_t axis_;
};

}  // namespace

LayerKind concat_kind() {
  return make_kind<Concat>("concat", "sources one behind the other along an axis",
                           at_least_sources(2), param_table())
      .also({"cat", "concatenate", "merge"});
}

}  // namespace dl
