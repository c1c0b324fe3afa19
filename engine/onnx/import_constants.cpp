#include <algorithm>
#include <cstring>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

constexpr std::int64_t kMostNumbers = 1000;  // of a shape, an axis, a place

std::int64_t count_of(const std::vector<std::int64_t>& dims) {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || (dim > 0 && count > kMostNumbers / dim)) return -1;
    count *= dim;
  }
  return count;
}

/// Whole numbers in one row, few of them: what shapes are computed with.
std::vector<std::int64_t> row(const Importer& in, const OnnxNode& node, std::size_t i) {
  std::vector<std::int64_t> values = in.integers(node, i);
  if (in.constant(node, i).dims.size() > 1 ||
      static_cast<std::int64_t>(values.size()) > kMostNumbers)
    throw NotCovered("it computes with numbers that are no shape");
  return values;
}

bool all_zero(const OnnxTensor& tensor) {
  return std::ranges::all_of(tensor.bytes, [](char byte) { return byte == 0; });
}

void import_constant(Importer& in, const OnnxNode& node) {
  if (const auto* tensor = node.find<OnnxTensor>("value"))
    return in.set(node, {.kind = ImportedValue::Kind::constant, .tensor = tensor});
  if (const auto* number = node.find<std::int64_t>("value_int"))
    return in.set_integers(node, {}, {*number});
  if (const auto* numbers = node.find<std::vector<std::int64_t>>("value_ints"))
    return in.set_integers(node, {static_cast<std::int64_t>(numbers->size())}, *numbers);
  OnnxTensor tensor;
  std::vector<float> values;
  if (const auto* number = node.find<float>("value_float")) {
    values = {*number};
  } else if (const auto* numbers = node.find<std::vector<float>>("value_floats")) {
    values = *numbers;
    tensor.dims = {static_cast<std::int64_t>(values.size())};
  } else {
    throw NotCovered("its value is neither a tensor nor numbers");
  }
  tensor.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  in.set_constant(node, std::move(tensor));
}

void import_shape(Importer& in, const OnnxNode& node) {
  const ImportedValue& value = in.value(node, 0);
  std::vector<std::int64_t> dims;
  if (value.kind == ImportedValue::Kind::data)
    dims = in.dims(value);
  else if (value.kind == ImportedValue::Kind::constant)
    dims = value.tensor->dims;
  else
    throw NotCovered("the shape of its input is not known");
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto place = [rank](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? std::max(at, -rank) + rank : at, 0, rank);
  };
  const std::int64_t start = place(node.integer("start", 0)),
                     end = place(node.integer("end", rank));
  std::vector<std::int64_t> part;
  for (std::int64_t i = start; i < end; ++i) part.push_back(dims[i]);
  in.set_integers(node, {static_cast<std::int64_t>(part.size())}, part);
}

/// Zeros, of any shape: initial states.
void import_filled(Importer& in, const OnnxNode& node) {
  const OnnxTensor* fill = node.find<OnnxTensor>("value");
  if (fill && !all_zero(*fill)) throw NotCovered("it makes numbers other than 0");
  in.integers(node, 0);
  in.set(node, {});
}

void import_expand(Importer& in, const OnnxNode& node) {
  const ImportedValue& value = in.value(node, 0);
  const bool zeros = value.kind == ImportedValue::Kind::zeros ||
                     (value.kind == ImportedValue::Kind::constant && all_zero(*value.tensor));
  if (!zeros) throw NotCovered("it repeats numbers other than 0");
  in.set(node, {});
}

/// The same bytes under another shape.
void reshape_constant(Importer& in, const OnnxNode& node, std::vector<std::int64_t> dims) {
  OnnxTensor tensor = in.constant(node, 0);
  tensor.dims = std::move(dims);
  in.set_constant(node, std::move(tensor));
}

/// Those that are copied must be small: initialisers are not.
void require_small(const OnnxTensor& tensor) {
  if (count_of(tensor.dims) < 0) throw NotCovered("it changes a large tensor that is known");
}

}  // namespace

void import_constant_reshape(Importer& in, const OnnxNode& node,
                             const std::vector<std::int64_t>& target) {
  const OnnxTensor& tensor = in.constant(node, 0);
  require_small(tensor);
  std::vector<std::int64_t> dims = target;
  const auto open = std::ranges::find(dims, -1);
  if (open != dims.end()) {
    *open = 1;
    const std::int64_t given = count_of(dims);
    if (given < 1) throw NotCovered("its shape does not fit its input's");
    *open = count_of(tensor.dims) / given;
  }
  if (count_of(dims) != count_of(tensor.dims))
    throw NotCovered("its shape does not fit its input's");
  reshape_constant(in, node, std::move(dims));
}

void import_constant_squeeze(Importer& in, const OnnxNode& node) {
  const OnnxTensor& tensor = in.constant(node, 0);
  require_small(tensor);
  std::vector<std::int64_t> dims;
  for (const std::int64_t dim : tensor.dims)
    if (dim != 1) dims.push_back(dim);
  reshape_constant(in, node, std::move(dims));
}

void import_constant_unsqueeze(Importer& in, const OnnxNode& node) {
  require_small(in.constant(node, 0));
  std::vector<std::int64_t> dims = in.constant(node, 0).dims;
  const auto axes = in.list(node, "axes", 1);
  if (!axes || axes->size() > 8) throw NotCovered("it says no axes");
  for (const std::int64_t axis : *axes) {
    const std::size_t at = Importer::axis_of(axis, dims.size() + 1);
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), 1);
  }
  reshape_constant(in, node, std::move(dims));
}

/// Of a matrix of real numbers: weights are often stored that way.
void import_constant_transpose(Importer& in, const OnnxNode& node) {
  const OnnxTensor& tensor = in.constant(node, 0);
  const std::vector<std::int64_t> swapped = {1, 0};
  if (tensor.dims.size() != 2 || node.integers("perm", swapped) != swapped)
    throw NotCovered("it changes a known tensor that is no matrix");
  const std::vector<float> values = in.floats(node, 0);
  const std::int64_t rows = tensor.dims[0], columns = tensor.dims[1];
  std::vector<float> moved(values.size());
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < columns; ++k) moved[k * rows + i] = values[i * columns + k];
  OnnxTensor out{.name = tensor.name, .type = OnnxType::f32, .dims = {columns, rows}, .bytes = {}};
  out.bytes.assign(reinterpret_cast<const char*>(moved.data()), moved.size() * sizeof(float));
  in.set_constant(node, std::move(out));
}

void import_constant_concat(Importer& in, const OnnxNode& node) {
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const std::vector<std::int64_t> part = row(in, node, i);
    all.insert(all.end(), part.begin(), part.end());
    if (static_cast<std::int64_t>(all.size()) > kMostNumbers)
      throw NotCovered("it computes with numbers that are no shape");
  }
  in.set_integers(node, {static_cast<std::int64_t>(all.size())}, all);
}

void import_constant_pick(Importer& in, const OnnxNode& node,
                          const std::vector<std::int64_t>& places) {
  const std::vector<std::int64_t> values = row(in, node, 0);
  std::vector<std::int64_t> picked;
  for (const std::int64_t place : places)
    picked.push_back(values[Importer::axis_of(place, values.size())]);
  in.set_integers(node, in.constant(node, 1).dims, picked);
}

void import_constant_slice(Importer& in, const OnnxNode& node,
                           const std::vector<std::int64_t>& starts,
                           const std::vector<std::int64_t>& stops) {
  const std::vector<std::int64_t> values = row(in, node, 0);
  const auto size = static_cast<std::int64_t>(values.size());
  if (starts.size() != 1) throw NotCovered("it computes with numbers that are no shape");
  const auto place = [size](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? std::max(at, -size) + size : at, 0, size);
  };
  std::vector<std::int64_t> part;
  for (std::int64_t i = place(starts[0]); i < place(stops[0]); ++i) part.push_back(values[i]);
  in.set_integers(node, {static_cast<std::int64_t>(part.size())}, part);
}

std::vector<OperatorRow> constant_operators() {
  return {{"Constant", import_constant},
          {"ConstantOfShape", import_filled},
          {"Expand", import_expand},
          {"Shape", import_shape}};
}

}  // namespace dl
