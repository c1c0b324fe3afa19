#pragma once

#include "layers/tape.h"

namespace dl {

/// A (rows, columns) matrix whose columns lie one behind the other, `stride` apart: the transpose
/// of a row-major one. Without `stride` they lie densely.
dnnl::memory::desc transposed_desc(std::int64_t rows, std::int64_t columns,
                                   std::int64_t stride = 0);

/// Records dst = a b, all matrices as they are stored.
void record_matmul(Tape& tape, const Value& a, const Value& b, const Value& dst);
/// dst += a b.
void record_matmul_added(Tape& tape, const Value& a, const Value& b, const Value& dst);
/// The sums of a matrix's columns, (1, columns).
Value record_column_sums(Tape& tape, const Value& matrix);

}  // namespace dl
