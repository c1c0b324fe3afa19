#include <algorithm>

#include "core/parallel.h"
#include "layers/onnx_writer.h"
#include "layers/part_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  int axis = 1;
  std::int64_t start = 0;
  std::optional<std::int64_t> stop;
  std::int64_t step = 1;
};

ParamTable<Params> param_table() {
  return {
      with_default("axis", &Params::axis, between(1, 8), "which axis; the batch is axis 0"),
      with_default("start", &Params::start, between(-1e9, 1e9),
                   "the first place that is kept; negative counts from the end"),
      with_default("stop", &Params::stop, between(-1e9, 1e9),
                   "the place after the last one; none: to the end, negative counts from the end"),
      with_default("step", &Params::step, between(1, 1e9),
                   "from each place that is kept to the next one"),
  };
}

/// Which rows of `inner` contiguous numbers a slice with a step keeps of a row-major tensor: of
/// each of `outer` blocks of `size` rows `count`, from row `start` on.
struct Rows {
  std::size_t outer, size, inner, start, step, count;

  /// Calls copy(whole, kept) with the offsets of each row that is kept.
  template <class Copy>
  void each(const Copy& copy) const {
    parallel_each(outer * count, inner, [&](std::size_t row) {
      const std::size_t block = row / count, place = start + row % count * step;
      copy((block * size + place) * inner, row * inner);
    });
  }
};

/// oneDNN refuses descriptions of every n-th place, so that these rows are copied here: what is
/// copied are 4 bytes each, numbers or tokens.
Value record_cut_rows(Tape& tape, const Value& src, const Rows& rows, const Shape& shape) {
  const Value dst = tape.value(plain_desc(shape, src.desc.get_data_type()));
  tape.host("slice", {tape.plain(src)}, {dst}, [rows](const HostArgs& args) {
    const auto* from = args.src<std::uint32_t>(0);
    auto* to = args.dst<std::uint32_t>(0);
    rows.each([&](std::size_t whole, std::size_t kept) {
      std::copy_n(from + whole, rows.inner, to + kept);
    });
  });
  return dst;
}

/// The gradient of that: zero where nothing was kept.
Value record_place_rows(Tape& tape, const Value& diff_dst, const Rows& rows,
                        const dnnl::memory::desc& desc) {
  const Value diff = tape.value(plain_desc(Shape(desc.get_dims()), diff_dst.desc.get_data_type()));
  tape.host("slice gradient", {tape.plain(diff_dst)}, {diff}, [rows](const HostArgs& args) {
    const auto* from = args.src<std::uint32_t>(0);
    auto* to = args.dst<std::uint32_t>(0);
    const std::size_t block = rows.size * rows.inner;
    parallel_each(rows.outer, block, [&](std::size_t i) { std::fill_n(to + i * block, block, 0); });
    rows.each([&](std::size_t whole, std::size_t kept) {
      std::copy_n(from + kept, rows.inner, to + whole);
    });
  });
  return tape.as(diff, desc);
}

/// start:stop:step along one axis, as in Python.
class Slice final : public Layer {
 public:
  explicit Slice(Params params) : params_(params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    return {box_of(src[0]).shape};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const Box box = box_of(onnx.src_shape(0));
    const std::int64_t start = box.offsets[params_.axis], size = box.shape[params_.axis];
    const auto number = [&](std::int64_t value) {
      return onnx.constant(std::vector<std::int64_t>{value});
    };
    std::vector<std::string> inputs = {onnx.src(0), number(start),
                                       number(start + (size - 1) * params_.step + 1),
                                       number(params_.axis)};
    if (params_.step > 1) inputs.push_back(number(params_.step));
    return {onnx.add("Slice", std::move(inputs))};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Box box = box_of(src[0].shape());
    if (params_.step > 1) return record_steps(tape, src[0], box);
    const Value dst = record_cut(tape, src[0], box, layout_like(src[0].desc, box.shape));
    auto grad =
        [box, desc = src[0].desc](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      return {record_place(back, *diff_dst[0], box, desc)};
    };
    return {{dst}, grad};
  }

 private:
  Recorded record_steps(Tape& tape, const Value& src, const Box& box) const {
    const Shape shape = src.shape();
    const auto axis = static_cast<std::size_t>(params_.axis);
    Rows rows{.outer = 1,
              .size = static_cast<std::size_t>(shape[axis]),
              .inner = 1,
              .start = static_cast<std::size_t>(box.offsets[axis]),
              .step = static_cast<std::size_t>(params_.step),
              .count = static_cast<std::size_t>(box.shape[axis])};
    for (std::size_t i = 0; i < shape.rank(); ++i) {
      if (i != axis) (i < axis ? rows.outer : rows.inner) *= static_cast<std::size_t>(shape[i]);
    }
    auto grad = [rows, desc = src.desc](Tape& back, std::span<const std::optional<Value>> diff_dst)
        -> std::vector<std::optional<Value>> {
      return {record_place_rows(back, *diff_dst[0], rows, desc)};
    };
    return {{record_cut_rows(tape, src, rows, box.shape)}, grad};
  }

  /// The box of what is kept; with a step, its sizes and where it begins.
  Box box_of(const Shape& src) const {
    const auto axis = static_cast<std::size_t>(params_.axis);
    if (axis >= src.rank()) {
      throw ShapeError("axis " + std::to_string(axis) + " is beyond the axes of " + src.text());
    }
    const std::int64_t size = src[axis];
    const auto place = [size](std::int64_t i) { return i < 0 ? i + size : i; };
    const std::int64_t start = place(params_.start), stop = place(params_.stop.value_or(size));
    if (start < 0 || start >= stop || stop > size) {
      throw ShapeError("start " + std::to_string(params_.start) + " and stop " +
                       std::to_string(params_.stop.value_or(size)) +
                       " leave nothing, or reach beyond the " + std::to_string(size) +
                       " places of axis " + std::to_string(axis) + " of " + src.text());
    }
    Box box{src, dnnl::memory::dims(src.rank(), 0)};
    box.shape[axis] = (stop - start + params_.step - 1) / params_.step;
    box.offsets[axis] = start;
    return box;
  }

  Params params_;
};

}  // namespace

LayerKind slice_kind() {
  return make_kind<Slice>("slice", "start:stop:step along one axis, as in Python", one_source(),
                          param_table());
}

}  // namespace dl
