#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

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

/// What a recurrent operator gives, in the model's order of axes.
std::vector<std::int64_t> direction_dims(const Importer& in, const ImportedValue& value) {
  const Shape& own = in.shape(value.port);
  const std::int64_t directions = direction_count(in.layer(value.port));
  std::vector<std::int64_t> dims;
  for (const char letter : value.axes) {
    if (letter == 'N') dims.push_back(kBatch);
    if (letter == 'T') dims.push_back(own[1]);
    if (letter == 'D') dims.push_back(directions);
    if (letter == 'H') dims.push_back(own.back() / directions);
  }
  return dims;
}

void import_shape(Importer& in, const OnnxNode& node) {
  const ImportedValue& value = in.value(node, 0);
  std::vector<std::int64_t> dims;
  if (value.kind == ImportedValue::Kind::data)
    dims = in.dims(value);
  else if (value.kind == ImportedValue::Kind::constant)
    dims = value.tensor->dims;
  else if (value.kind == ValueKind::directions)
    dims = direction_dims(in, value);
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

/// Few numbers of a known shape, or zeros of any shape: initial states.
void import_filled(Importer& in, const OnnxNode& node) {
  const std::vector<std::int64_t> dims = in.integers(node, 0);
  const OnnxTensor* given = node.find<OnnxTensor>("value");
  OnnxTensor fill{
      .name = {}, .type = OnnxType::f32, .dims = {1}, .bytes = std::string(sizeof(float), '\0')};
  if (given) fill = *given;
  const std::int64_t count = count_of(dims);
  if (count >= 0 && fill.elements() == 1) {
    std::string bytes;
    for (std::int64_t i = 0; i < count; ++i) bytes += fill.bytes;
    return in.set_constant(
        node, {.name = {}, .type = fill.type, .dims = dims, .bytes = std::move(bytes)});
  }
  if (!all_zero(fill)) throw NotCovered("it makes many numbers other than 0");
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

template <class T>
std::vector<T> transposed(const std::vector<T>& values, std::int64_t rows, std::int64_t columns) {
  std::vector<T> moved(values.size());
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < columns; ++k) moved[k * rows + i] = values[i * columns + k];
  return moved;
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
  const auto axes = in.list(node, "axes", 1);
  std::set<std::size_t> dropped;
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{}))
    dropped.insert(Importer::axis_of(axis, tensor.dims.size()));
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < tensor.dims.size(); ++i) {
    const bool drops = axes ? dropped.contains(i) : tensor.dims[i] == 1;
    if (!drops) dims.push_back(tensor.dims[i]);
  }
  reshape_constant(in, node, std::move(dims));
}

void import_constant_unsqueeze(Importer& in, const OnnxNode& node) {
  require_small(in.constant(node, 0));
  std::vector<std::int64_t> dims = in.constant(node, 0).dims;
  const auto axes = in.list(node, "axes", 1);
  if (!axes || axes->size() > 8) throw NotCovered("it says no axes");
  std::set<std::size_t> places;  // among the axes of the result
  for (const std::int64_t axis : *axes)
    places.insert(Importer::axis_of(axis, dims.size() + axes->size()));
  for (const std::size_t at : places) {
    if (at > dims.size()) throw NotCovered("an axis stands in it twice");
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), 1);
  }
  reshape_constant(in, node, std::move(dims));
}

/// Of a matrix: weights are often stored that way.
void import_constant_transpose(Importer& in, const OnnxNode& node) {
  const OnnxTensor& tensor = in.constant(node, 0);
  const std::vector<std::int64_t> swapped = {1, 0};
  if (tensor.dims.size() != 2 || node.integers("perm", swapped) != swapped)
    throw NotCovered("it changes a known tensor that is no matrix");
  const std::int64_t rows = tensor.dims[0], columns = tensor.dims[1];
  if (const auto numbers = tensor.integers())
    return in.set_integers(node, {columns, rows}, transposed(*numbers, rows, columns));
  const std::vector<float> moved = transposed(in.floats(node, 0), rows, columns);
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

/// Sizes that are multiplied with each other; the batch with nothing.
void import_constant_product(Importer& in, const OnnxNode& node) {
  const std::vector<std::int64_t> a = row(in, node, 0), b = row(in, node, 1);
  if (a.size() != 1 || b.size() != 1 || std::abs(a[0]) > INT32_MAX || std::abs(b[0]) > INT32_MAX)
    throw NotCovered("it computes with numbers that are no sizes");
  const std::size_t rank =
      std::max(in.constant(node, 0).dims.size(), in.constant(node, 1).dims.size());
  in.set_integers(node, std::vector<std::int64_t>(rank, 1), {a[0] * b[0]});
}

/// Along the first axis, forwards or backwards.
void import_constant_slice(Importer& in, const OnnxNode& node, const SliceRange& range) {
  const OnnxTensor& tensor = in.constant(node, 0);
  require_small(tensor);
  if (tensor.dims.empty() || tensor.dims[0] == 0 ||
      Importer::axis_of(range.axis, tensor.dims.size()) != 0)
    throw NotCovered("it computes with numbers that are no shape");
  const std::vector<std::int64_t> values = in.integers(node, 0);
  const std::int64_t size = tensor.dims[0];
  const std::size_t inner = values.size() / static_cast<std::size_t>(size);
  const bool back = range.step < 0;
  const auto place = [&](std::int64_t at) {  // as in Python
    return std::clamp<std::int64_t>(at < 0 ? std::max(at, -size - 1) + size : at, back ? -1 : 0,
                                    back ? size - 1 : size);
  };
  std::vector<std::int64_t> part;
  const std::int64_t stop = place(range.stop);
  std::int64_t count = 0;
  for (std::int64_t i = place(range.start); back ? i > stop : i < stop; i += range.step, ++count)
    part.insert(part.end(), values.begin() + i * static_cast<std::int64_t>(inner),
                values.begin() + (i + 1) * static_cast<std::int64_t>(inner));
  std::vector<std::int64_t> dims = tensor.dims;
  dims[0] = count;
  in.set_integers(node, std::move(dims), part);
}

std::vector<OperatorRow> constant_operators() {
  return {{"Constant", import_constant},
          {"ConstantOfShape", import_filled},
          {"Expand", import_expand},
          {"Shape", import_shape}};
}

}  // namespace dl
