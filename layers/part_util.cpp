#include "layers/part_util.h"

#include <algorithm>
#include <cstring>

#include "engine/core/parallel.h"

namespace dl {
namespace {

using dnnl::memory;
using tag = memory::format_tag;

std::vector<tag> known_layouts(std::size_t rank) {
  if (rank == 3) return {tag::nCw16c, tag::nCw8c, tag::nwc};
  if (rank == 4) return {tag::nChw16c, tag::nChw8c, tag::nhwc};
  return {};
}

/// None where a block of channels would be split.
std::optional<memory::desc> box_in(const memory::desc& desc, const Box& box) {
  memory::dims spanned = box.shape.dims();
  for (std::size_t axis = 0; axis < box.steps.size(); ++axis)
    spanned[axis] = (spanned[axis] - 1) * box.steps[axis] + 1;
  memory::desc part = desc.submemory_desc(spanned, box.offsets, /*allow_empty=*/true);
  if (part.get(true) == nullptr) return std::nullopt;
  return part;
}

/// `wanted` if the box can be cut there, else a layout in which every box can.
memory::desc layout_to_cut(const memory::desc& wanted, const Box& box) {
  if (!box.steps.empty()) return plain_desc(Shape(wanted.get_dims()), wanted.get_data_type());
  return box_in(wanted, box) ? wanted : channels_last(Shape(wanted.get_dims()));
}

/// The box of `whole`, in a layout to cut, as a value of its own.
Value box_of(Tape& tape, const Value& whole, const Box& box) {
  const Value spanned = tape.part(whole, *box_in(whole.desc, box));
  if (box.steps.empty()) return spanned;
  memory::dims strides = spanned.desc.get_strides();
  for (std::size_t axis = 0; axis < strides.size(); ++axis) strides[axis] *= box.steps[axis];
  return tape.part(spanned, {box.shape.dims(), spanned.desc.get_data_type(), strides});
}

void record_copy(Tape& tape, const Value& from, const Value& to) {
  const dnnl::reorder::primitive_desc reorder(tape.engine(), from.desc, tape.engine(), to.desc,
                                              Tape::attr());
  tape.run(reorder, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Value record_filled(Tape& tape, const memory::desc& desc, float fill) {
  constexpr std::size_t kGrain = 1 << 16;
  const Value dst = tape.value(desc);
  const std::size_t size = desc.get_size() / sizeof(float);
  tape.host("fill", {}, {dst}, [size, fill](const HostArgs& args) {
    parallel_for(size, kGrain, [&](std::size_t begin, std::size_t end) {
      std::fill(args.dst<float>(0) + begin, args.dst<float>(0) + end, fill);
    });
  });
  return dst;
}

}  // namespace

memory::desc layout_like(const memory::desc& like, const Shape& shape) {
  const std::vector<tag> layouts = known_layouts(shape.rank());
  const auto at = std::find_if(layouts.begin(), layouts.end(), [&](tag layout) {
    return memory::desc(like.get_dims(), like.get_data_type(), layout) == like;
  });
  if (at == layouts.end() || like == plain_desc(Shape(like.get_dims()))) return plain_desc(shape);
  return {shape.dims(), like.get_data_type(), *at};
}

memory::desc channels_last(const Shape& shape) {
  const std::vector<tag> layouts = known_layouts(shape.rank());
  if (layouts.empty()) return plain_desc(shape);
  return {shape.dims(), memory::data_type::f32, layouts.back()};
}

Value record_cut(Tape& tape, const Value& src, const Box& box, const memory::desc& dst) {
  const Value from = tape.as(src, layout_to_cut(src.desc, box));
  const Value result = tape.value(dst);
  record_copy(tape, box_of(tape, from, box), result);
  return result;
}

Value record_place(Tape& tape, const Value& src, const Box& box, const memory::desc& dst,
                   float fill) {
  // What a blocked layout pads its channels with must stay zero.
  const memory::desc& wanted = fill == 0 ? dst : channels_last(Shape(dst.get_dims()));
  const Value filled = record_filled(tape, layout_to_cut(wanted, box), fill);
  record_copy(tape, src, box_of(tape, filled, box));
  return tape.as(filled, dst);
}

}  // namespace dl
