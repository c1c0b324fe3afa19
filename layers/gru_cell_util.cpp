#include "layers/gru_cell_util.h"

#include "core/parallel.h"
#include "layers/math_util.h"
#include "layers/matmul_util.h"

namespace dl {
namespace {

using dnnl::matmul;
using dnnl::memory;

/// Rows or columns of a matrix.
struct Range {
  std::int64_t first, count;
};

Value block(Tape& tape, const Value& matrix, const Range& rows, const Range& columns) {
  return tape.part(
      matrix, matrix.desc.submemory_desc({rows.count, columns.count}, {rows.first, columns.first}));
}

Value rows_in(Tape& tape, const Value& matrix, const Range& rows) {
  return block(tape, matrix, rows, {0, matrix.shape()[1]});
}

Value transposed(Tape& tape, const Value& matrix) {
  return tape.part(matrix, matrix.desc.permute_axes({1, 0}));
}

/// A layer in one direction. A row of `work` is a sample's step. Forward leaves n, r, z and
/// W_hn h + b_hn there, and backward puts in their place the gradients of n, r and z before their
/// functions, and that of W_hn h + b_hn: the first three are those of the input's product, and the
/// last three, in PyTorch's order, those of the recurrent one.
struct GruSteps {
  std::string suffix;
  bool bias = true, right_to_left = false;
  std::int64_t steps = 0, batch = 0, hidden = 0;
  Value src;    // (T * N, I), row-major, as all are
  Value start;  // (N, H)
  bool given_start = false;
  Value work;  // (T * N, stride())
  Value dst;   // (T * N, H)

  std::int64_t rows() const { return steps * batch; }
  /// Not a power of two, of which few columns would find a place in the cache.
  std::int64_t stride() const { return 4 * hidden + 16; }
  /// Where step `s`, as they are taken, lies in time, from 0.
  std::int64_t time(std::int64_t s) const { return right_to_left ? steps - 1 - s : s; }

  /// All steps' n, or r and z.
  Value input_gates(Tape& tape, bool candidate) const {
    return block(tape, work, {0, rows()},
                 {candidate ? 0 : hidden, candidate ? hidden : 2 * hidden});
  }
  Value recurrent_gates(Tape& tape, const Range& rows) const {
    return block(tape, work, rows, {hidden, 3 * hidden});
  }
  /// Those of the step.
  Range rows_of(std::int64_t s) const { return {time(s) * batch, batch}; }
  Value state_before(Tape& tape, std::int64_t s) const {
    return s == 0 ? start : rows_in(tape, dst, rows_of(s - 1));
  }
};

/// A step of all samples.
struct GateRows {
  std::size_t batch, hidden, stride;

  explicit GateRows(const GruSteps& gru)
      : batch(static_cast<std::size_t>(gru.batch)),
        hidden(static_cast<std::size_t>(gru.hidden)),
        stride(static_cast<std::size_t>(gru.stride())) {}
};

/// What the gates of one sample's step are made of, but `work`.
struct GateSources {
  const float *recurrent, *before, *input_bias, *recurrent_bias;
};

/// work: n, r and z of the input's product -> n, r, z, W_hn h + b_hn.
DL_VECTORISED void apply_gates(float* work, const GateSources& from, float* dst, std::size_t size) {
  float *n = work, *r = work + size, *z = r + size, *product = z + size;
  const float *of_r = from.recurrent, *of_z = of_r + size, *of_n = of_z + size;
  const float *b_ir = from.input_bias, *b_iz = b_ir + size, *b_in = b_iz + size;
  const float *b_hr = from.recurrent_bias, *b_hz = b_hr + size, *b_hn = b_hz + size;
  const float* before = from.before;
#pragma omp simd
  for (std::size_t i = 0; i < size; ++i) {
    const float reset = fast_sigmoid(r[i] + b_ir[i] + (of_r[i] + b_hr[i]));
    const float update = fast_sigmoid(z[i] + b_iz[i] + (of_z[i] + b_hz[i]));
    const float recurrent = of_n[i] + b_hn[i];
    const float candidate = fast_tanh(n[i] + b_in[i] + reset * recurrent);
    product[i] = recurrent;
    r[i] = reset;
    z[i] = update;
    n[i] = candidate;
    dst[i] = candidate + update * (before[i] - candidate);
  }
}

DL_VECTORISED void apply_gate_grads(float* work, const float* diff_dst, const float* diff_later,
                                    const float* before, float* diff_before, std::size_t size) {
  float *n = work, *r = work + size, *z = r + size, *product = z + size;
#pragma omp simd
  for (std::size_t i = 0; i < size; ++i) {
    const float diff = diff_dst[i] + diff_later[i];
    const float candidate = n[i], reset = r[i], update = z[i];
    const float diff_n = diff * (1.0F - update) * (1.0F - candidate * candidate);
    n[i] = diff_n;
    r[i] = diff_n * product[i] * reset * (1.0F - reset);
    z[i] = diff * (before[i] - candidate) * update * (1.0F - update);
    product[i] = diff_n * reset;
    diff_before[i] = diff * update;
  }
}

/// Reads the recurrent product, the state before and both biases; writes the step's `work` and dst.
struct Gates : GateRows {
  using GateRows::GateRows;
  void operator()(const HostArgs& args) const {
    const GateSources all{args.src<float>(0), args.src<float>(1), args.src<float>(2),
                          args.src<float>(3)};
    float *work = args.dst<float>(0), *dst = args.dst<float>(1);
    parallel_each(batch, 16 * hidden, [&](std::size_t i) {
      GateSources from = all;
      from.recurrent += i * 3 * hidden;
      from.before += i * hidden;
      apply_gates(work + i * stride, from, dst + i * hidden, hidden);
    });
  }
};

/// Reads the step's diff_dst, what later steps add to it, and the state before; writes `work` and
/// that part of the gradient of the state before which does not go through the product.
struct GateGrads : GateRows {
  using GateRows::GateRows;
  void operator()(const HostArgs& args) const {
    const float *diff_dst = args.src<float>(0), *later = args.src<float>(1),
                *before = args.src<float>(2);
    float *work = args.dst<float>(0), *diff_before = args.dst<float>(1);
    parallel_each(batch, 8 * hidden, [&](std::size_t i) {
      const std::size_t at = i * hidden;
      apply_gate_grads(work + i * stride, diff_dst + at, later + at, before + at, diff_before + at,
                       hidden);
    });
  }
};

/// The sums over `work`'s columns as the gradients of both biases, in PyTorch's order.
struct BiasGrads {
  std::size_t hidden;
  void operator()(const HostArgs& args) const {
    const float* sums = args.src<float>(0);
    float* input = args.dst<float>(0);
    std::copy_n(sums + hidden, 2 * hidden, input);
    std::copy_n(sums, hidden, input + 2 * hidden);
    std::copy_n(sums + hidden, 3 * hidden, args.dst<float>(1));
  }
};

/// What of PyTorch's 3H rows of weights belongs to r and z, or to n.
Range gate_rows(std::int64_t hidden, bool candidate) {
  return candidate ? Range{2 * hidden, hidden} : Range{0, 2 * hidden};
}

/// PyTorch's biases of the three gates, or zeros.
Value bias_of(Tape& tape, const GruSteps& gru, const char* name) {
  return gru.bias ? tape.weight(name + gru.suffix)
                  : record_zeros(tape, plain_desc({3 * gru.hidden}));
}

void record_input_products(Tape& tape, const GruSteps& gru) {
  const Value weights = tape.weight("weight_ih" + gru.suffix);
  for (const bool candidate : {false, true}) {
    const Value rows = rows_in(tape, weights, gate_rows(gru.hidden, candidate));
    record_matmul(tape, gru.src, transposed(tape, rows), gru.input_gates(tape, candidate));
  }
}

void record_steps(Tape& tape, const GruSteps& gru) {
  const Value weights = transposed(tape, tape.weight("weight_hh" + gru.suffix));
  const Value input_bias = bias_of(tape, gru, "bias_ih"),
              recurrent_bias = bias_of(tape, gru, "bias_hh");
  const memory::desc product_desc = plain_desc({gru.batch, 3 * gru.hidden});
  const matmul::primitive_desc desc(tape.engine(), gru.start.desc, any_desc(weights.shape()),
                                    product_desc, Tape::attr());
  const Value packed = tape.weight_as(weights, desc.weights_desc());
  for (std::int64_t s = 0; s < gru.steps; ++s) {
    const Value before = gru.state_before(tape, s), product = tape.value(product_desc);
    tape.run(desc, {{DNNL_ARG_SRC, before}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, product}});
    const Range rows = gru.rows_of(s);
    tape.host("gru", {product, before, input_bias, recurrent_bias},
              {rows_in(tape, gru.work, rows), rows_in(tape, gru.dst, rows)}, Gates(gru));
  }
}

/// From the last step taken to the first. Returns the gradient of the start.
Value record_step_grads(Tape& tape, const GruSteps& gru, const Value& diff_dst, Value later) {
  const Value weights = tape.weight("weight_hh" + gru.suffix);
  for (std::int64_t s = gru.steps; s-- > 0;) {
    const Value diff_before = tape.value(plain_desc({gru.batch, gru.hidden}));
    const Range rows = gru.rows_of(s);
    tape.host("gru gradient", {rows_in(tape, diff_dst, rows), later, gru.state_before(tape, s)},
              {rows_in(tape, gru.work, rows), diff_before}, GateGrads(gru));
    record_matmul_added(tape, gru.recurrent_gates(tape, rows), weights, diff_before);
    later = diff_before;
  }
  return later;
}

void record_input_weight_grad(Tape& tape, const GruSteps& gru) {
  const std::string name = "weight_ih" + gru.suffix;
  if (!tape.trains(name)) return;
  const Value diff = tape.value(plain_desc({3 * gru.hidden, gru.src.shape()[1]}));
  for (const bool candidate : {false, true}) {
    record_matmul(tape, transposed(tape, gru.input_gates(tape, candidate)), gru.src,
                  rows_in(tape, diff, gate_rows(gru.hidden, candidate)));
  }
  tape.add_weight_grad(name, diff);
}

/// The states before all steps are the start and all outputs but the last.
void record_recurrent_weight_grad(Tape& tape, const GruSteps& gru) {
  const std::string name = "weight_hh" + gru.suffix;
  if (!tape.trains(name)) return;
  const Value diff = tape.value(plain_desc({3 * gru.hidden, gru.hidden}));
  const auto gates = [&](const Range& rows) {
    return transposed(tape, gru.recurrent_gates(tape, rows));
  };
  const std::int64_t rest = (gru.steps - 1) * gru.batch;
  if (rest == 0) {
    record_matmul(tape, gates({0, gru.batch}), gru.start, diff);
  } else {
    const std::int64_t read = gru.right_to_left ? gru.batch : 0, taken = gru.batch - read;
    record_matmul(tape, gates({taken, rest}), rows_in(tape, gru.dst, {read, rest}), diff);
    if (gru.given_start) record_matmul_added(tape, gates(gru.rows_of(0)), gru.start, diff);
  }
  tape.add_weight_grad(name, diff);
}

void record_bias_grads(Tape& tape, const GruSteps& gru) {
  if (!gru.bias) return;
  const Value gates = block(tape, gru.work, {0, gru.rows()}, {0, 4 * gru.hidden});
  const memory::desc plain = plain_desc({3 * gru.hidden});
  const Value input = tape.value(plain), recurrent = tape.value(plain);
  tape.host("bias gradient", {record_column_sums(tape, gates)}, {input, recurrent},
            BiasGrads{static_cast<std::size_t>(gru.hidden)});
  tape.add_weight_grad("bias_ih" + gru.suffix, input);
  tape.add_weight_grad("bias_hh" + gru.suffix, recurrent);
}

Value record_src_grad(Tape& tape, const GruSteps& gru) {
  const Value weights = tape.weight("weight_ih" + gru.suffix);
  const auto part = [&](bool candidate) {
    return rows_in(tape, weights, gate_rows(gru.hidden, candidate));
  };
  const Value diff = tape.value(gru.src.desc);
  record_matmul(tape, gru.input_gates(tape, false), part(false), diff);
  record_matmul_added(tape, gru.input_gates(tape, true), part(true), diff);
  return diff;
}

CellGradient record_gradient(Tape& tape, const GruSteps& gru, const Value& diff_dst,
                             const CellState& diff_end, const memory::desc& src) {
  const Value end = diff_end.h ? tape.plain(*diff_end.h) : record_zeros(tape, gru.start.desc);
  CellGradient gradient;
  const Value diff = tape.view(tape.plain(diff_dst), gru.dst.desc);
  gradient.start.h = record_step_grads(tape, gru, diff, end);
  record_recurrent_weight_grad(tape, gru);
  record_input_weight_grad(tape, gru);
  record_bias_grads(tape, gru);
  if (gru.src.needs_grad) gradient.src = tape.view(record_src_grad(tape, gru), src);
  return gradient;
}

}  // namespace

CellRun record_gru_cell(Tape& tape, const RecurrentCell& cell, const std::string& suffix,
                        const Value& src, const CellState& start, bool right_to_left) {
  const Shape shape = src.shape();
  const std::int64_t steps = shape[0], batch = shape[1], hidden = cell.hidden_size;
  GruSteps gru;
  gru.suffix = suffix;
  gru.bias = cell.bias;
  gru.right_to_left = right_to_left;
  gru.steps = steps;
  gru.batch = batch;
  gru.hidden = hidden;
  gru.src = tape.view(src, plain_desc({gru.rows(), shape[2]}));
  gru.given_start = start.h.has_value();
  const memory::desc state = plain_desc({batch, hidden});
  gru.start = start.h ? tape.plain(*start.h) : record_zeros(tape, state);
  gru.work = tape.value(plain_desc({gru.rows(), gru.stride()}));
  CellRun run{.dst = tape.value(plain_desc({steps, batch, hidden})), .end = {}, .grad = {}};
  gru.dst = tape.view(run.dst, plain_desc({gru.rows(), hidden}));
  record_input_products(tape, gru);
  record_steps(tape, gru);
  run.end.h = tape.value(state);
  record_copy(tape, gru.state_before(tape, steps), *run.end.h);
  run.grad = [gru, src](Tape& back, const Value& diff_dst, const CellState& diff_end) {
    return record_gradient(back, gru, diff_dst, diff_end, src.desc);
  };
  return run;
}

}  // namespace dl
