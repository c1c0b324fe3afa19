#include "layers/recurrent_cell_util.h"

#include <algorithm>

namespace dl {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using dnnl::rnn_direction;
using dnnl::rnn_flags;
using tag = memory::format_tag;

/// oneDNN's descriptions of all cells are one; its C++ classes for each differ in nothing else.
class RnnDesc final : public dnnl::rnn_primitive_desc_base {
 public:
  template <class... T>
  explicit RnnDesc(const dnnl::engine& engine, const T&... rest)
      : rnn_primitive_desc_base(engine, rest...) {}  // which is protected

  memory::desc of(int arg) const { return query_md(dnnl::query::exec_arg_md, arg); }
  /// All of oneDNN's f32 cells are called "ref", though their work is in its fast matrix products.
  static std::string implementation() { return "gemm"; }
};

/// Everything that forward and backward share of one cell.
struct Cell {
  RecurrentCell cell;
  std::string suffix;
  Value src;                        // (T, N, I)
  memory::desc state, cell_state;   // (1, 1, N, H)
  memory::desc weights, recurrent;  // in any layout
  memory::desc bias;
  memory::desc peephole, projection;  // empty: there is none
  memory::desc dst;
  rnn_direction direction = rnn_direction::unidirectional_left2right;

  const memory::desc* c_desc() const { return cell.cell_state ? &cell_state : nullptr; }
  static const memory::desc* given(const memory::desc& desc) {
    return desc.get_ndims() > 0 ? &desc : nullptr;
  }

  RnnDesc forward(const Tape& tape) const {
    return RnnDesc(tape.engine(), cell.kind, tape.prop_kind(), cell.activation, direction, src.desc,
                   state, c_desc(), static_cast<const memory::desc*>(nullptr), weights, recurrent,
                   given(peephole), given(projection), bias, dst, state, c_desc(), rnn_flags::undef,
                   0.0F, 0.0F, Tape::attr(), false);
  }

  RnnDesc backward(const Tape& tape, const RnnDesc& hint) const {
    const memory::desc* none = nullptr;
    return RnnDesc(tape.engine(), cell.kind, prop_kind::backward, cell.activation, direction,
                   src.desc, state, c_desc(), none, weights, recurrent, given(peephole),
                   given(projection), bias, dst, state, c_desc(), src.desc, state, c_desc(), none,
                   weights, recurrent, given(peephole), given(projection), bias, dst, state,
                   c_desc(), rnn_flags::diff_weights_overwrite, 0.0F, 0.0F, hint, Tape::attr(),
                   false);
  }
};

memory::desc any_rnn_desc(std::int64_t in, std::int64_t gates, std::int64_t out) {
  return {{1, 1, in, gates, out}, memory::data_type::f32, tag::any};
}

/// oneDNN's (layers, directions, in, gates, out) over PyTorch's weights, (gates * out, in).
memory::desc stored_weights_desc(std::int64_t in, std::int64_t gates, std::int64_t out) {
  return {{1, 1, in, gates, out}, memory::data_type::f32, tag::ldgoi};
}

/// A block of rows: gate `gate` of weights or biases in oneDNN's shape.
memory::desc gate_of(const memory::desc& desc, int gate) {
  memory::dims sizes = desc.get_dims(), offsets(sizes.size(), 0);
  const std::size_t axis = sizes.size() - 2;
  sizes[axis] = 1;
  offsets[axis] = gate;
  return desc.submemory_desc(sizes, offsets);
}

bool in_order(const std::vector<int>& gates) { return std::is_sorted(gates.begin(), gates.end()); }

/// PyTorch's weights as oneDNN orders the gates: a view where both agree.
Value ordered_weights(Tape& tape, const RecurrentCell& cell, const std::string& name,
                      std::int64_t in) {
  const memory::desc desc = stored_weights_desc(in, cell.gate_count(), cell.hidden_size);
  const Value stored = tape.view(tape.weight(name), desc);
  if (in_order(cell.gates)) return stored;
  Value ordered = tape.prepare(desc, [&](const Value& dst) {
    for (int gate = 0; gate < cell.gate_count(); ++gate)
      record_copy(tape, tape.part(stored, gate_of(desc, cell.gates[gate])),
                  tape.part(dst, gate_of(desc, gate)));
  });
  ordered.needs_grad = stored.needs_grad;
  return ordered;
}

/// The gradient that oneDNN made, into PyTorch's order and layout.
void add_ordered_grad(Tape& tape, const RecurrentCell& cell, const std::string& name,
                      const Value& diff) {
  const std::int64_t in = diff.shape()[2];
  const memory::desc desc = stored_weights_desc(in, cell.gate_count(), cell.hidden_size);
  const Value grad = tape.value(plain_desc({cell.gate_count() * cell.hidden_size, in}));
  const Value ordered = tape.view(grad, desc);
  if (in_order(cell.gates)) {
    record_copy(tape, diff, ordered);
  } else {
    for (int gate = 0; gate < cell.gate_count(); ++gate)
      record_copy(tape, tape.part(diff, gate_of(diff.desc, gate)),
                  tape.part(ordered, gate_of(desc, cell.gates[gate])));
  }
  tape.add_weight_grad(name, grad);
}

/// The sum of PyTorch's two biases as oneDNN orders the gates.
struct MakeBias {
  RecurrentCell cell;
  void operator()(const HostArgs& args) const {
    const std::int64_t size = cell.hidden_size;
    const float *input = args.src<float>(0), *recurrent = args.src<float>(1);
    float* dst = args.dst<float>(0);
    for (int gate = 0; gate < cell.gate_count(); ++gate) {
      const std::int64_t block = cell.gates[gate] * size;
      for (std::int64_t i = 0; i < size; ++i)
        dst[gate * size + i] = input[block + i] + recurrent[block + i];
    }
  }
};

/// The gradient of that, which is both biases'.
struct OrderedBiasGrad {
  RecurrentCell cell;
  void operator()(const HostArgs& args) const {
    const std::int64_t size = cell.hidden_size;
    const float* diff = args.src<float>(0);
    for (int gate = 0; gate < cell.gate_count(); ++gate) {
      const std::int64_t block = cell.gates[gate] * size;
      std::copy_n(diff + gate * size, size, args.dst<float>(0) + block);
    }
  }
};

/// Weights as they lie in the store, ordered as oneDNN has them.
struct StoredWeights {
  Value input, recurrent;
  Value bias;
  std::optional<Value> peephole, projection;
};

StoredWeights stored_weights(Tape& tape, const Cell& c) {
  StoredWeights weights{
      .input = ordered_weights(tape, c.cell, "weight_ih" + c.suffix, c.src.shape()[2]),
      .recurrent = ordered_weights(tape, c.cell, "weight_hh" + c.suffix, c.cell.output_size()),
      .bias = {},
      .peephole = {},
      .projection = {}};
  if (!c.cell.bias) {
    weights.bias = record_zeros(tape, c.bias);
  } else {
    const Value input = tape.weight("bias_ih" + c.suffix);
    const Value recurrent = tape.weight("bias_hh" + c.suffix);
    weights.bias = tape.prepare(c.bias, [&](const Value& dst) {
      tape.host("bias", {input, recurrent}, {dst}, MakeBias{c.cell});
    });
  }
  if (c.cell.peephole)
    weights.peephole = tape.view(tape.weight("weight_ch" + c.suffix), c.peephole);
  if (c.cell.proj_size > 0) {
    const memory::desc desc(c.projection.get_dims(), memory::data_type::f32, tag::ldoi);
    weights.projection = tape.view(tape.weight("weight_hr" + c.suffix), desc);
  }
  return weights;
}

/// Those arguments that forward and backward are given alike.
Args weight_args(Tape& tape, const RnnDesc& desc, const StoredWeights& weights) {
  Args args = {
      {DNNL_ARG_WEIGHTS_LAYER, tape.weight_as(weights.input, desc.of(DNNL_ARG_WEIGHTS_LAYER))},
      {DNNL_ARG_WEIGHTS_ITER, tape.weight_as(weights.recurrent, desc.of(DNNL_ARG_WEIGHTS_ITER))},
      {DNNL_ARG_BIAS, weights.bias}};
  if (weights.peephole) args.emplace_back(DNNL_ARG_WEIGHTS_PEEPHOLE, *weights.peephole);
  if (weights.projection) {
    args.emplace_back(DNNL_ARG_WEIGHTS_PROJECTION,
                      tape.weight_as(*weights.projection, desc.of(DNNL_ARG_WEIGHTS_PROJECTION)));
  }
  return args;
}

/// What the forward pass left for the backward one.
struct Forward {
  Cell cell;
  RnnDesc desc;
  StoredWeights weights;
  Args args;  // without the weights
};

Value state_value(Tape& tape, const Value& state, const memory::desc& desc) {
  return tape.view(tape.plain(state), desc);
}

void record_weight_grads(Tape& tape, const Cell& c, const Args& args) {
  const auto value = [&](int arg) -> const Value& {
    return std::find_if(args.begin(), args.end(), [&](const auto& a) { return a.first == arg; })
        ->second;
  };
  add_ordered_grad(tape, c.cell, "weight_ih" + c.suffix, value(DNNL_ARG_DIFF_WEIGHTS_LAYER));
  add_ordered_grad(tape, c.cell, "weight_hh" + c.suffix, value(DNNL_ARG_DIFF_WEIGHTS_ITER));
  if (c.cell.bias) {
    const memory::desc plain = plain_desc({c.cell.gate_count() * c.cell.hidden_size});
    const Value diff = tape.value(plain);
    tape.host("bias gradient", {value(DNNL_ARG_DIFF_BIAS)}, {diff}, OrderedBiasGrad{c.cell});
    tape.add_weight_grad("bias_ih" + c.suffix, diff);
    tape.add_weight_grad("bias_hh" + c.suffix, diff);
  }
  if (c.cell.peephole) {
    const Value diff = tape.value(plain_desc({3, c.cell.hidden_size}));
    record_copy(tape, value(DNNL_ARG_DIFF_WEIGHTS_PEEPHOLE), tape.view(diff, c.peephole));
    tape.add_weight_grad("weight_ch" + c.suffix, diff);
  }
  if (c.cell.proj_size > 0) {
    const Value diff = tape.value(plain_desc({c.cell.proj_size, c.cell.hidden_size}));
    const memory::desc stored(c.projection.get_dims(), memory::data_type::f32, tag::ldoi);
    record_copy(tape, value(DNNL_ARG_DIFF_WEIGHTS_PROJECTION), tape.view(diff, stored));
    tape.add_weight_grad("weight_hr" + c.suffix, diff);
  }
}

/// oneDNN asks for more than it writes, in 3.2 (measured by the pages that were resident
/// afterwards): of the scratchpad a fifth is touched, of the workspace the gates, the states, and
/// three gradients as wide as the wider of source and state.
void add_scratchpad(Tape& tape, const RnnDesc& desc, Args& args) {
  const memory::desc bytes = desc.scratchpad_desc();
  if (bytes.get_size() == 0) return;
  const Value scratchpad = tape.value(bytes);
  tape.expect_touched(scratchpad, bytes.get_size() / 5);
  args.emplace_back(DNNL_ARG_SCRATCHPAD, scratchpad);
}

std::size_t touched_workspace(const RecurrentCell& cell, const Shape& src) {
  const std::int64_t states = cell.cell_state ? 2 : 1;
  const std::int64_t width =
      (cell.gate_count() + states) * cell.hidden_size + 3 * std::max(src[2], cell.hidden_size);
  return static_cast<std::size_t>(src[0] * src[1] * width) * sizeof(float);
}

CellGradient record_gradient(Tape& tape, const Forward& forward, const Value& diff_dst,
                             const CellState& diff_end) {
  const Cell& c = forward.cell;
  const RnnDesc desc = c.backward(tape, forward.desc);
  Args args = weight_args(tape, desc, forward.weights);
  args.insert(args.end(), forward.args.begin(), forward.args.end());
  CellGradient gradient{tape.value(c.src.desc), {}};
  const auto add = [&](int arg) {
    const Value value = tape.value(desc.of(arg));
    args.emplace_back(arg, value);
    return value;
  };
  const auto end = [&](int arg, const std::optional<Value>& diff, const memory::desc& state) {
    args.emplace_back(arg, diff ? state_value(tape, *diff, state) : record_zeros(tape, state));
  };
  args.emplace_back(DNNL_ARG_DIFF_SRC_LAYER, *gradient.src);
  args.emplace_back(DNNL_ARG_DIFF_DST_LAYER, tape.as(diff_dst, c.dst));
  end(DNNL_ARG_DIFF_DST_ITER, diff_end.h, c.state);
  if (c.cell.cell_state) end(DNNL_ARG_DIFF_DST_ITER_C, diff_end.c, c.cell_state);
  gradient.start.h = add(DNNL_ARG_DIFF_SRC_ITER);
  if (c.cell.cell_state) gradient.start.c = add(DNNL_ARG_DIFF_SRC_ITER_C);
  add(DNNL_ARG_DIFF_WEIGHTS_LAYER);
  add(DNNL_ARG_DIFF_WEIGHTS_ITER);
  add(DNNL_ARG_DIFF_BIAS);
  if (c.cell.peephole) add(DNNL_ARG_DIFF_WEIGHTS_PEEPHOLE);
  if (c.cell.proj_size > 0) add(DNNL_ARG_DIFF_WEIGHTS_PROJECTION);
  add_scratchpad(tape, desc, args);
  tape.run(desc, args, desc.implementation());
  record_weight_grads(tape, c, args);
  return gradient;
}

Cell make_cell(const RecurrentCell& cell, const std::string& suffix, const Value& src,
               bool right_to_left) {
  const Shape shape = src.shape();
  const std::int64_t n = shape[1], h = cell.hidden_size, out = cell.output_size();
  const auto plain = [](const memory::dims& dims, tag format) {
    return memory::desc(dims, memory::data_type::f32, format);
  };
  Cell c;
  c.cell = cell;
  c.suffix = suffix;
  c.src = src;
  c.state = plain({1, 1, n, out}, tag::ldnc);
  c.cell_state = plain({1, 1, n, h}, tag::ldnc);
  c.weights = any_rnn_desc(shape[2], cell.gate_count(), h);
  c.recurrent = any_rnn_desc(out, cell.gate_count(), h);
  c.bias = plain({1, 1, cell.gate_count(), h}, tag::ldgo);
  if (cell.peephole) c.peephole = plain({1, 1, 3, h}, tag::ldgo);
  if (cell.proj_size > 0) c.projection = plain({1, 1, h, out}, tag::any);
  c.dst = plain({shape[0], n, out}, tag::tnc);
  if (right_to_left) c.direction = rnn_direction::unidirectional_right2left;
  return c;
}

}  // namespace

void record_copy(Tape& tape, const Value& from, const Value& to) {
  tape.run(
      dnnl::reorder::primitive_desc(tape.engine(), from.desc, tape.engine(), to.desc, Tape::attr()),
      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Value record_zeros(Tape& tape, const memory::desc& desc) {
  return tape.view(tape.constant(std::vector<float>(desc.get_size() / sizeof(float), 0.0F)), desc);
}

CellRun record_cell(Tape& tape, const RecurrentCell& cell, const std::string& suffix,
                    const Value& src, const CellState& start, bool right_to_left) {
  const Cell c = make_cell(cell, suffix, src, right_to_left);
  Forward forward{c, c.forward(tape), stored_weights(tape, c), {}};
  CellRun run{.dst = tape.value(c.dst), .end = {}, .grad = {}};
  forward.args = {{DNNL_ARG_SRC_LAYER, src}, {DNNL_ARG_DST_LAYER, run.dst}};
  // Without a given start oneDNN's gradient of the recurrent weights is wrong: zeros are given.
  const auto add_state = [&](int src_arg, int dst_arg, const std::optional<Value>& from,
                             const memory::desc& desc) {
    forward.args.emplace_back(src_arg,
                              from ? state_value(tape, *from, desc) : record_zeros(tape, desc));
    const Value end = tape.value(desc);
    forward.args.emplace_back(dst_arg, end);
    return tape.view(end, plain_desc({end.shape()[2], end.shape()[3]}));
  };
  run.end.h = add_state(DNNL_ARG_SRC_ITER, DNNL_ARG_DST_ITER, start.h, c.state);
  if (cell.cell_state)
    run.end.c = add_state(DNNL_ARG_SRC_ITER_C, DNNL_ARG_DST_ITER_C, start.c, c.cell_state);
  if (tape.training()) {
    const Value workspace = tape.value(forward.desc.of(DNNL_ARG_WORKSPACE));
    tape.expect_touched(workspace,
                        std::min(workspace.desc.get_size(), touched_workspace(cell, src.shape())));
    forward.args.emplace_back(DNNL_ARG_WORKSPACE, workspace);
  }
  Args args = weight_args(tape, forward.desc, forward.weights);
  args.insert(args.end(), forward.args.begin(), forward.args.end());
  add_scratchpad(tape, forward.desc, args);
  tape.run(forward.desc, args, forward.desc.implementation());
  run.grad = [forward](Tape& back, const Value& diff_dst, const CellState& diff_end) {
    return record_gradient(back, forward, diff_dst, diff_end);
  };
  return run;
}

}  // namespace dl
