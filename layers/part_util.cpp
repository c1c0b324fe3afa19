#include "layers/part_util.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"

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
  memory::desc part = desc.submemory_desc(box.shape.dims(), box.offsets, /*allow_empty=*/true);
  if (part.get(true) == nullptr) return std::nullopt;
  return part;
}

/// `wanted` if the box can be cut there, else a layout in which every box can.
memory::desc layout_to_cut(const memory::desc& wanted, const Box& box) {
  return box_in(wanted, box) ? wanted : channels_last(Shape(wanted.get_dims()));
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
  record_copy(tape, tape.part(from, *box_in(from.desc, box)), result);
  return result;
}

Value record_place(Tape& tape, const Value& src, const Box& box, const memory::desc& dst,
                   float fill) {
  // What a blocked layout pads its channels with must stay zero.
  const memory::desc& wanted = fill == 0 ? dst : channels_last(Shape(dst.get_dims()));
  const Value filled = record_filled(tape, layout_to_cut(wanted, box), fill);
  record_copy(tape, src, tape.part(filled, *box_in(filled.desc, box)));
  return tape.as(filled, dst);
}

}  // namespace dl
