#include "layers/recurrent_stack_util.h"

#include "layers/dropout_util.h"
#include "layers/part_util.h"
#include "layers/sequence_util.h"

namespace dl {
namespace {

using dnnl::memory;

/// (N, T, F) whose steps lie one after the other, as the primitives' results do.
memory::desc batch_first_desc(const Shape& shape) {
  return {shape.dims(), memory::data_type::f32, memory::dims{shape[2], shape[0] * shape[2], 1}};
}

/// (N, T, F) as (T, N, F), row-major.
Value steps_first(Tape& tape, const Value& sequence) {
  const Shape shape = sequence.shape();
  return tape.view(tape.as(sequence, batch_first_desc(shape)),
                   plain_desc({shape[1], shape[0], shape[2]}));
}

/// The same, with zeros where samples are shorter: whatever stands there counts for nothing.
Value steps_first_unpadded(Tape& tape, const Value& sequence, const Value& lengths) {
  const Shape shape = sequence.shape();
  const memory::desc steps({shape[1], shape[0], shape[2]}, memory::data_type::f32,
                           memory::dims{shape[2], shape[1] * shape[2], 1});
  return record_unpadded(tape, tape.view(tape.plain(sequence), steps), lengths,
                         plain_desc({shape[1], shape[0], shape[2]}));
}

/// Back again, without moving anything.
Value batch_first(Tape& tape, const Value& steps) {
  const Shape shape = steps.shape();
  return tape.view(steps, batch_first_desc({shape[1], shape[0], shape[2]}));
}

/// Row-major values side by side along an axis.
Value record_concat(Tape& tape, const std::vector<Value>& parts, int axis) {
  if (parts.size() == 1) return parts[0];
  Shape shape = parts[0].shape();
  std::vector<memory::desc> descs;
  shape[axis] = 0;
  for (const Value& part : parts) {
    descs.push_back(part.desc);
    shape[axis] += part.shape()[axis];
  }
  const Value dst = tape.value(plain_desc(shape));
  Args args = {{DNNL_ARG_DST, dst}};
  for (std::size_t i = 0; i < parts.size(); ++i)
    args.emplace_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), parts[i]);
  tape.run(dnnl::concat::primitive_desc(tape.engine(), dst.desc, axis, descs, Tape::attr()), args);
  return dst;
}

/// Part `i` of `count` equal ones along the axis, row-major.
Value record_share(Tape& tape, const Value& whole, std::size_t axis, std::int64_t i,
                   std::int64_t count) {
  if (count == 1) return tape.plain(whole);
  Box box{whole.shape(), memory::dims(whole.shape().rank(), 0)};
  box.shape[axis] /= count;
  box.offsets[axis] = i * box.shape[axis];
  return record_cut(tape, whole, box, plain_desc(box.shape));
}

}  // namespace

CellState RecurrentStack::start_of(Tape& tape, std::int64_t layer, int direction,
                                   std::span<const Value> sources) const {
  const std::int64_t places = params_.places();
  const auto given = [&](std::size_t source, std::int64_t size) {
    const Value all = tape.plain(sources[source]);
    const Value share = record_share(tape, tape.view(all, plain_desc(state_shape(size))), 1,
                                     layer * params_.directions() + direction, places);
    return tape.view(share, plain_desc({batch_, size}));
  };
  const auto carried = [&](const std::string& name, std::int64_t size) {
    const Value state = tape.state(name + params_.suffix(layer, direction), {batch_, size});
    const Value start =
        tape.value(state.desc);  // for the backward pass: `state` will have moved on
    record_copy(tape, state, start);
    return start;
  };
  CellState start;
  if (roles_.h) {
    start.h = given(*roles_.h, cell_.output_size());
    if (roles_.c) start.c = given(*roles_.c, cell_.hidden_size);
  } else if (stateful_) {
    start.h = carried("h", cell_.output_size());
    if (cell_.cell_state) start.c = carried("c", cell_.hidden_size);
  }
  return start;
}

/// Keeps the end for the next batch.
void RecurrentStack::carry(Tape& tape, std::int64_t layer, const CellRun& run) const {
  const std::string suffix = params_.suffix(layer, 0);
  record_copy(tape, *run.end.h, tape.state("h" + suffix, run.end.h->shape()));
  if (run.end.c) record_copy(tape, *run.end.c, tape.state("c" + suffix, run.end.c->shape()));
}

RecurrentStack::Level RecurrentStack::record_level(Tape& tape, std::int64_t layer, const Value& src,
                                                   std::span<const Value> sources) const {
  Level level;
  for (int direction = 0; direction < params_.directions(); ++direction) {
    // A primitive knows no lengths: what goes back in time is turned round within each sample.
    const bool turned = direction == 1 && lengths_;
    const CellState start = start_of(tape, layer, direction, sources);
    CellRun run = cell_.record(tape, cell_, params_.suffix(layer, direction),
                               turned ? record_reversed(tape, src, *lengths_, src.desc) : src,
                               start, direction == 1 && !turned);
    level.outputs.push_back(turned ? record_reversed(tape, run.dst, *lengths_, run.dst.desc)
                                   : run.dst);
    if (stateful_) carry(tape, layer, run);
    level.runs.push_back(std::move(run));
  }
  return level;
}

Value RecurrentStack::merged(Tape& tape, const std::vector<Value>& outputs, int axis) const {
  return concat() ? record_concat(tape, outputs, axis) : tape.sum(outputs, outputs[0].desc);
}

/// (N, H), at each sample's end.
Value RecurrentStack::final_h(Tape& tape, const Level& level, int direction) const {
  if (!lengths_) return *level.runs[direction].end.h;
  return direction == 0 ? record_last_step(tape, level.outputs[0], lengths_)
                        : record_first_step(tape, level.outputs[1]);
}

std::vector<Value> RecurrentStack::record_results(Tape& tape) const {
  const Level& top = levels_.back();
  std::vector<Value> results, h, c, last;
  const auto as_place = [&](const Value& state) {
    return tape.view(state, plain_desc({batch_, 1, state.shape()[1]}));
  };
  for (const Level& level : levels_) {
    for (int direction = 0; direction < params_.directions(); ++direction) {
      const Value state = final_h(tape, level, direction);
      h.push_back(as_place(state));
      if (&level == &top) last.push_back(state);
      if (cell_.cell_state && !lengths_) c.push_back(as_place(*level.runs[direction].end.c));
    }
  }
  if (params_.output == SequenceOutput::last) {
    results.push_back(merged(tape, last, 1));
  } else {
    Value output = merged(tape, top.outputs, 2);
    if (lengths_) output = record_unpadded(tape, output, *lengths_, output.desc);
    results.push_back(batch_first(tape, output));
  }
  results.push_back(record_concat(tape, h, 1));
  if (!c.empty()) results.push_back(record_concat(tape, c, 1));
  return results;
}

RecurrentStack::RecurrentStack(Tape& tape, const RecurrentParams& params, const RecurrentCell& cell,
                               const RecurrentRoles& roles, std::span<const Value> sources)
    : params_(params),
      cell_(cell),
      roles_(roles),
      batch_(sources[0].shape()[0]),
      source_count_(sources.size()),
      dropout_key_(tape.layer_key()),
      dropout_(tape.randomises() && params.dropout > 0),
      stateful_(params.stateful || tape.carries_state()) {
  if (roles_.lengths) lengths_ = sources[*roles_.lengths];
  if (roles_.h) state_rank_ = sources[*roles_.h].shape().rank();
  Value src =
      lengths_ ? steps_first_unpadded(tape, sources[0], *lengths_) : steps_first(tape, sources[0]);
  for (std::int64_t layer = 0; layer < params_.num_layers; ++layer) {
    if (layer > 0) {
      src = merged(tape, levels_.back().outputs, 2);
      if (dropout_) src = record_dropout(tape, src, params_.dropout, dropout_key_ + layer);
      src.needs_grad = tape.training();
    }
    levels_.push_back(record_level(tape, layer, src, sources));
  }
  results_ = record_results(tape);
}

/// Of the top level's outputs, (T, N, H) for each direction.
std::vector<Value> RecurrentStack::output_grads(Tape& tape,
                                                const std::optional<Value>& diff) const {
  const std::vector<Value>& outputs = levels_.back().outputs;
  const std::int64_t parts = concat() ? params_.directions() : 1;
  std::vector<Value> diffs;
  std::optional<Value> steps;
  if (diff && params_.output == SequenceOutput::sequence) {
    steps = lengths_ ? steps_first_unpadded(tape, *diff, *lengths_) : steps_first(tape, *diff);
  }
  for (int direction = 0; direction < params_.directions(); ++direction) {
    const memory::desc& like = outputs[direction].desc;
    if (!diff) {
      diffs.push_back(record_zeros(tape, like));
    } else if (steps) {
      diffs.push_back(record_share(tape, *steps, 2, concat() ? direction : 0, parts));
    } else {
      const Value last = record_share(tape, *diff, 1, concat() ? direction : 0, parts);
      diffs.push_back(direction == 0 ? record_last_step_grad(tape, last, lengths_, like)
                                     : record_first_step_grad(tape, last, like));
    }
  }
  return diffs;
}

/// Of what the level reads, if that needs one; adds the gradients of its starts to `starts`.
std::optional<Value> RecurrentStack::level_grad(Tape& tape, std::int64_t layer,
                                                const std::vector<Value>& diffs,
                                                std::span<const std::optional<Value>> diff_dst,
                                                std::vector<CellState>& starts) const {
  const Level& level = levels_[layer];
  const std::int64_t places = params_.places();
  std::vector<Value> diff_src;
  for (int direction = 0; direction < params_.directions(); ++direction) {
    const bool turned = direction == 1 && lengths_;
    const auto end = [&](std::size_t result) -> std::optional<Value> {
      if (result >= diff_dst.size() || !diff_dst[result]) return std::nullopt;
      const Value share = record_share(tape, *diff_dst[result], 1,
                                       layer * params_.directions() + direction, places);
      return tape.view(share, plain_desc({batch_, share.shape()[2]}));
    };
    CellState diff_end{end(1), end(2)};
    Value diff = diffs[direction];
    if (lengths_ && diff_end.h) {  // they end where the samples do
      const Value at_end = direction == 0
                               ? record_last_step_grad(tape, *diff_end.h, lengths_, diff.desc)
                               : record_first_step_grad(tape, *diff_end.h, diff.desc);
      diff = tape.sum(std::vector<Value>{diff, at_end}, diff.desc);
      diff_end.h.reset();
    }
    if (turned) diff = record_reversed(tape, diff, *lengths_, diff.desc);
    const CellGradient gradient = level.runs[direction].grad(tape, diff, diff_end);
    starts[layer * params_.directions() + direction] = gradient.start;
    if (!gradient.src) continue;
    diff_src.push_back(turned ? record_reversed(tape, *gradient.src, *lengths_, gradient.src->desc)
                              : *gradient.src);
  }
  if (diff_src.empty()) return std::nullopt;
  return tape.sum(diff_src, diff_src[0].desc);
}

/// All starts' gradients as one tensor of the given state's shape.
Value RecurrentStack::start_grad(Tape& tape, const std::vector<CellState>& starts,
                                 std::optional<Value> CellState::*which) const {
  std::vector<Value> parts;
  for (const CellState& start : starts) {
    const Value plain = tape.plain(*(start.*which));
    parts.push_back(tape.view(plain, plain_desc({batch_, 1, plain.shape().back()})));
  }
  const Value all = record_concat(tape, parts, 1);
  const Shape shape = all.shape();
  return state_rank_ == 2 ? tape.view(all, plain_desc({shape[0], shape[2]})) : all;
}

std::vector<std::optional<Value>> RecurrentStack::gradients(
    Tape& tape, std::span<const std::optional<Value>> diff_dst) const {
  std::vector<CellState> starts(params_.places());
  std::vector<Value> diffs = output_grads(tape, diff_dst[0]);
  for (std::int64_t layer = params_.num_layers; --layer > 0;) {
    Value diff_src = *level_grad(tape, layer, diffs, diff_dst, starts);
    if (dropout_) diff_src = record_dropout(tape, diff_src, params_.dropout, dropout_key_ + layer);
    for (int direction = 0; direction < params_.directions(); ++direction)
      diffs[direction] = record_share(tape, diff_src, 2, concat() ? direction : 0,
                                      concat() ? params_.directions() : 1);
  }
  std::vector<std::optional<Value>> gradients(source_count_);
  const std::optional<Value> diff_src = level_grad(tape, 0, diffs, diff_dst, starts);
  if (diff_src) gradients[0] = batch_first(tape, *diff_src);
  if (roles_.h) gradients[*roles_.h] = start_grad(tape, starts, &CellState::h);
  if (roles_.c) gradients[*roles_.c] = start_grad(tape, starts, &CellState::c);
  return gradients;
}

}  // namespace dl
