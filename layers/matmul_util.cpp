#include "layers/matmul_util.h"

namespace dl {

using dnnl::matmul;
using dnnl::memory;

namespace {

void record(Tape& tape, const Value& a, const Value& b, const Value& dst,
            const dnnl::primitive_attr& attr) {
  const matmul::primitive_desc desc(tape.engine(), a.desc, b.desc, dst.desc, attr);
  tape.run(desc, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, dst}});
}

}  // namespace

memory::desc transposed_desc(std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return {{rows, columns}, memory::data_type::f32, memory::dims{1, stride > 0 ? stride : rows}};
}

void record_matmul(Tape& tape, const Value& a, const Value& b, const Value& dst) {
  record(tape, a, b, dst, Tape::attr());
}

void record_matmul_added(Tape& tape, const Value& a, const Value& b, const Value& dst) {
  dnnl::primitive_attr attr = Tape::attr();
  dnnl::post_ops ops;
  ops.append_sum();
  attr.set_post_ops(ops);
  record(tape, a, b, dst, attr);
}

Value record_column_sums(Tape& tape, const Value& matrix) {
  const std::int64_t rows = matrix.shape()[0];
  const Value sums = tape.value(plain_desc({1, matrix.shape()[1]}));
  const Value ones = tape.constant(std::vector<float>(static_cast<std::size_t>(rows), 1.0F));
  record_matmul(tape, tape.view(ones, plain_desc({1, rows})), matrix, sums);
  return sums;
}

}  // namespace dl
