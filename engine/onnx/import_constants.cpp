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

/// Numbers of a known shape, or zeros of any shape: initial states.
void import_filled(Importer& in, const OnnxNode& node) {
  const std::vector<std::int64_t> dims = in.integers(node, 0);
  const OnnxTensor* given = node.find<OnnxTensor>("value");
  OnnxTensor fill{
      .name = {}, .type = OnnxType::f32, .dims = {1}, .bytes = std::string(sizeof(float), '\0')};
  if (given) fill = *given;
  const bool open = std::ranges::any_of(dims, [](std::int64_t dim) { return dim < 0; });
  if (open || fill.elements() != 1 || fill.bytes.empty()) {  // the batch is among them
    if (!all_zero(fill)) throw NotCovered("it makes many numbers other than 0");
    return in.set(node, {});
  }
  double bytes = static_cast<double>(fill.bytes.size());
  for (const std::int64_t dim : dims) bytes *= static_cast<double>(dim);
  if (bytes > 0x1p40) throw NotCovered("it makes more numbers than any memory holds");
  in.grant_filled(static_cast<std::size_t>(bytes));
  OnnxTensor filled{.name = {}, .type = fill.type, .dims = dims, .bytes = {}};
  filled.bytes.reserve(static_cast<std::size_t>(bytes));
  while (filled.bytes.size() < static_cast<std::size_t>(bytes)) filled.bytes += fill.bytes;
  in.set_constant(node, std::move(filled));
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

/// Axis i of the result is axis perm[i] of the tensor.
OnnxTensor transposed(const OnnxTensor& tensor, const std::vector<std::int64_t>& perm) {
  const std::size_t rank = perm.size();
  const auto elements = static_cast<std::size_t>(tensor.elements());
  OnnxTensor moved{.name = tensor.name, .type = tensor.type, .dims = {}, .bytes = {}};
  for (const std::int64_t axis : perm) moved.dims.push_back(tensor.dims[axis]);
  if (elements == 0 || tensor.bytes.empty()) return moved;
  const std::size_t size = tensor.bytes.size() / elements;  // of one element
  std::vector<std::size_t> strides(rank, size), steps, place(rank, 0);
  for (std::size_t i = rank; i-- > 1;)
    strides[i - 1] = strides[i] * static_cast<std::size_t>(tensor.dims[i]);
  for (const std::int64_t axis : perm) steps.push_back(strides[axis]);
  moved.bytes.resize(tensor.bytes.size());
  std::size_t from = 0;
  for (std::size_t to = 0; to < moved.bytes.size(); to += size) {
    std::memcpy(moved.bytes.data() + to, tensor.bytes.data() + from, size);
    for (std::size_t axis = rank; axis-- > 0;) {  // counts on, the last axis first
      from += steps[axis];
      if (++place[axis] < static_cast<std::size_t>(moved.dims[axis])) break;
      from -= steps[axis] * static_cast<std::size_t>(moved.dims[axis]);
      place[axis] = 0;
    }
  }
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
  std::vector<std::int64_t> dims = target;
  double given = 1;
  std::int64_t* open = nullptr;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && i < tensor.dims.size() && node.integer("allowzero", 0) == 0)
      dims[i] = tensor.dims[i];
    if (dims[i] == -1 && !open)
      open = &dims[i];
    else if (dims[i] < 0)
      throw NotCovered("its shape does not fit its input's");
    else
      given *= static_cast<double>(dims[i]);
  }
  const auto elements = static_cast<double>(tensor.elements());
  if (open && given > 0) {
    *open = static_cast<std::int64_t>(elements / given);
    given *= static_cast<double>(*open);
  }
  if (given != elements) throw NotCovered("its shape does not fit its input's");
  reshape_constant(in, node, std::move(dims));
}

void import_constant_squeeze(Importer& in, const OnnxNode& node) {
  const OnnxTensor& tensor = in.constant(node, 0);
  const auto axes = in.list(node, "axes", 1);
  std::set<std::size_t> dropped;
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{}))
    dropped.insert(Importer::axis_of(axis, tensor.dims.size()));
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < tensor.dims.size(); ++i) {
    const bool drops = axes ? dropped.contains(i) : tensor.dims[i] == 1;
    if (drops && tensor.dims[i] != 1)
      throw NotCovered("it takes away an axis that is not of size 1");
    if (!drops) dims.push_back(tensor.dims[i]);
  }
  reshape_constant(in, node, std::move(dims));
}

void import_constant_unsqueeze(Importer& in, const OnnxNode& node) {
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

/// Weights are often stored that way: matrices, and kernels with their channels last.
void import_constant_transpose(Importer& in, const OnnxNode& node) {
  const OnnxTensor& tensor = in.constant(node, 0);
  const std::size_t rank = tensor.dims.size();
  std::vector<std::int64_t> reversed;
  for (std::size_t i = rank; i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  const std::vector<std::int64_t> perm = node.integers("perm", reversed);
  std::vector<std::int64_t> sorted = perm;
  std::ranges::sort(sorted);
  std::ranges::reverse(reversed);
  if (sorted != reversed) throw NotCovered("its order names other axes than its input's");
  in.set_constant(node, transposed(tensor, perm));
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
