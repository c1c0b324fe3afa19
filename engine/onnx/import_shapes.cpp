#include <algorithm>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

std::vector<std::int64_t> sample_of(const Shape& shape) {
  return {shape.dims().begin() + 1, shape.dims().end()};
}

std::int64_t product(const std::vector<std::int64_t>& sizes) {
  constexpr double kMost = 0x1p40;
  double elements = 1;
  for (const std::int64_t size : sizes) elements *= static_cast<double>(size);
  if (elements > kMost || elements < 1) throw NotCovered("its shape is no possible one");
  return static_cast<std::int64_t>(elements);
}

void import_flatten(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const Shape& shape = in.shape(src);
  const std::int64_t axis = node.integer("axis", 1);
  if (axis != 1 && axis + static_cast<std::int64_t>(shape.rank()) != 1)
    throw NotCovered("it joins the batch with other axes");
  in.set_data(node, in.reshaped(src, {product(sample_of(shape))}));
}

/// The sizes of a sample that a Reshape asks for; 0 is the source's own, -1 what is left.
std::vector<std::int64_t> wanted_sample(std::vector<std::int64_t> target, const Shape& src,
                                        bool allow_zero) {
  if (target.empty()) throw NotCovered("it joins the batch with other axes");
  const std::int64_t all = product(sample_of(src));
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && !allow_zero && i > 0) {
      if (i >= src.rank()) throw NotCovered("it keeps an axis that its input has not");
      target[i] = src[i];
    }
  }
  const std::int64_t batch = target[0];
  std::vector<std::int64_t> sample(target.begin() + 1, target.end());
  const auto open = std::ranges::find(sample, -1);
  if (open != sample.end()) {
    *open = 1;
    const std::int64_t given = product(sample);
    if (all % given != 0) throw NotCovered("its shape does not fit its input's");
    *open = all / given;
  }
  for (const std::int64_t size : sample)
    if (size < 1) throw NotCovered("it moves the batch to another axis");
  // A model made for batches of one size says that size; -1 is the batch if all else fits.
  if (batch != 0 && batch != kBatch && batch != -1 && batch < 1)
    throw NotCovered("it joins the batch with other axes");
  if (product(sample) != all) throw NotCovered("it joins the batch with other axes");
  return sample;
}

/// (..., D, H) of a recurrent operator as (..., D H).
void import_merge(Importer& in, const OnnxNode& node, const ImportedValue& value,
                  const std::vector<std::int64_t>& target) {
  const std::string rest = value.axes.substr(0, value.axes.size() - 2);
  if (!value.axes.ends_with("DH") || target.size() != rest.size() + 1)
    throw NotCovered("it does not join the two directions of its input");
  const std::int64_t size = in.shape(value.port).back();
  if (target.back() != -1 && target.back() != size)
    throw NotCovered("it does not join the two directions of its input");
  import_directions(in, node, value, rest + "H");
}

void import_reshape(Importer& in, const OnnxNode& node) {
  const ImportedValue& value = in.value(node, 0);
  const std::vector<std::int64_t> target =
      in.list(node, "shape", 1).value_or(std::vector<std::int64_t>{});
  if (value.kind == ValueKind::directions) return import_merge(in, node, value, target);
  if (value.kind == ValueKind::constant) return import_constant_reshape(in, node, target);
  if (value.kind == ValueKind::zeros) return in.set(node, value);
  const LayerPort src = in.plain(node, 0).port;
  const auto sample = wanted_sample(target, in.shape(src), node.integer("allowzero", 0) != 0);
  if (const auto norm = regrouped(in, node)) {
    if (sample == sample_of(in.shape(*norm))) return in.set_data(node, *norm);
  }
  if (sample.empty()) throw NotCovered("it leaves nothing but the batch");
  in.set_data(node, in.reshaped(src, sample));
}

/// Axes of one place go, and the batch where the model is made for a batch of one.
void squeeze_data(Importer& in, const OnnxNode& node, const ImportedValue& value,
                  const std::optional<std::vector<std::int64_t>>& axes) {
  const Shape& shape = in.shape(value.port);
  const std::size_t rank = value.perm.size();
  std::vector<bool> gone(shape.rank(), false);  // of the layer's axes
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const int own = value.perm[axis];
    const auto is = [&](std::int64_t given) { return Importer::axis_of(given, rank) == axis; };
    gone[own] = axes ? std::ranges::any_of(*axes, is) : own != 0 && shape[own] == 1;
    if (gone[own] && (own == 0 ? in.batch() != 1 : shape[own] != 1))
      throw NotCovered("it takes away an axis that is not of size 1, or the batch");
  }
  std::vector<std::int64_t> sample;
  std::vector<int> places(shape.rank(), 0);  // of the axes that stay
  for (std::size_t axis = 1; axis < shape.rank(); ++axis) {
    if (gone[axis]) continue;
    sample.push_back(shape[axis]);
    places[axis] = static_cast<int>(sample.size());
  }
  if (sample.empty()) throw NotCovered("it leaves nothing but the batch");
  ImportedValue result{.kind = ValueKind::data, .port = in.reshaped(value.port, sample)};
  for (const int own : value.perm)
    if (!gone[own]) result.perm.push_back(places[own]);
  in.set(node, std::move(result));
}

/// The axis of the one direction goes, and perhaps others.
void squeeze_directions(Importer& in, const OnnxNode& node, const ImportedValue& value,
                        const std::optional<std::vector<std::int64_t>>& axes) {
  const std::size_t place = value.axes.find('D');
  if (direction_count(in.layer(value.port)) != 1)
    throw NotCovered("it takes away an axis that is not of size 1");
  std::vector<std::int64_t> others;  // as they are called without it
  bool goes = !axes.has_value();
  for (const std::int64_t given : axes.value_or(std::vector<std::int64_t>{})) {
    const std::size_t axis = Importer::axis_of(given, value.axes.size());
    goes |= axis == place;
    if (axis != place) others.push_back(static_cast<std::int64_t>(axis - (axis > place ? 1 : 0)));
  }
  if (!goes) throw NotCovered("it takes away other axes than that of the directions");
  const ImportedValue merged = merged_directions(value, std::string(value.axes).erase(place, 1));
  if (others.empty()) return in.set(node, merged);
  squeeze_data(in, node, merged, others);
}

void import_squeeze(Importer& in, const OnnxNode& node) {
  const ImportedValue value = in.value(node, 0);
  const auto axes = in.list(node, "axes", 1);
  if (value.kind == ValueKind::constant) return import_constant_squeeze(in, node);
  if (value.kind == ValueKind::zeros) return in.set(node, value);
  if (value.kind == ValueKind::directions) return squeeze_directions(in, node, value, axes);
  if (value.kind != ValueKind::data) throw NotCovered("its input is no result of a layer");
  squeeze_data(in, node, value, axes);
}

void import_unsqueeze(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  if (value.kind == ValueKind::constant) return import_constant_unsqueeze(in, node);
  if (value.kind == ValueKind::zeros) return in.set(node, value);
  value = in.data(node, 0);
  const auto given = in.list(node, "axes", 1);
  if (!given || given->size() > 8) throw NotCovered("it says no axes");
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : *given)
    axes.push_back(Importer::axis_of(axis, value.perm.size() + given->size()));
  std::ranges::sort(axes);
  if (!axes.empty() && axes[0] == 0) {  // a batch of one that was taken away comes back
    if (std::ranges::count(value.perm, 0) > 0)
      throw NotCovered("it moves the batch to another axis");
    value.perm.insert(value.perm.begin(), 0);
    axes.erase(axes.begin());
  }
  if (axes.empty()) return in.set(node, value);
  const LayerPort src = in.plain(value).port;
  std::vector<std::int64_t> sample = in.shape(src).dims();
  for (const std::size_t axis : axes) {
    if (axis == 0 || axis > sample.size()) throw NotCovered("it says an axis twice");
    sample.insert(sample.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  }
  sample.erase(sample.begin());
  in.set_data(node, in.reshaped(src, sample));
}

void import_transpose(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  if (value.kind == ValueKind::constant) return import_constant_transpose(in, node);
  if (value.kind == ValueKind::zeros) return in.set(node, value);
  const std::size_t rank =
      value.kind == ValueKind::directions ? value.axes.size() : value.perm.size();
  std::vector<std::int64_t> reversed;
  for (std::size_t i = rank; i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  const std::vector<std::int64_t> perm = node.integers("perm", reversed);
  std::vector<bool> seen(rank, false);
  if (perm.size() != rank) throw NotCovered("its order names other axes than its input's");
  ImportedValue moved = value;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t from = Importer::axis_of(perm[i], rank);
    if (seen[from]) throw NotCovered("its order names an axis twice");
    seen[from] = true;
    if (value.kind == ValueKind::directions)
      moved.axes[i] = value.axes[from];
    else
      moved.perm[i] = value.perm[from];
  }
  in.set(node, moved);
}

void import_concat(Importer& in, const OnnxNode& node) {
  ImportedValue first = in.value(node, 0);
  if (first.kind == ValueKind::constant) return import_constant_concat(in, node);
  if (first.kind == ValueKind::zeros) return in.set(node, first);
  bool alike = true;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) alike &= in.data(node, i).perm == first.perm;
  std::vector<LayerPort> ports;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    ports.push_back(alike ? in.data(node, i).port : in.plain(node, i).port);
  if (!alike) first = in.plain(node, 0);
  const std::size_t axis = static_cast<std::size_t>(
      first.perm[Importer::axis_of(node.integer("axis", 0), first.perm.size())]);
  if (axis == 0) throw NotCovered("it puts batches one behind the other");
  ImportedValue value = first;
  if (ports.size() > 1) {
    ImportedLayer layer{.type = "concat", .from = std::move(ports), .wish = wished_name(node, {})};
    if (axis != 1) layer.params.push_back(parameter("axis", static_cast<std::int64_t>(axis)));
    value.port = in.add(std::move(layer));
  }
  in.set(node, value);
}

/// Other kinds of numbers are rounded, or made truth values: there is no layer for that.
void import_cast(Importer& in, const OnnxNode& node) {
  const ImportedValue& value = in.value(node, 0);
  if (value.kind == ValueKind::data) {
    const auto to = static_cast<OnnxType>(node.integer("to", 1));
    const bool tokens = value.port.layer < 0 && in.reads_tokens();
    const bool real =
        to == OnnxType::f32 || to == OnnxType::f64 || to == OnnxType::f16 || to == OnnxType::bf16;
    const bool whole = to == OnnxType::i32 || to == OnnxType::i64;
    if (tokens ? !whole : !real) throw NotCovered("it changes the kind of its numbers");
  }
  in.set(node, value);
}

/// Blocks of channels become blocks of places, or the other way round.
void import_blocks(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const Shape shape = in.shape(src);
  const std::int64_t block = node.integer("blocksize", 0);
  const bool to_space = node.op == "DepthToSpace";
  if (shape.rank() != 4 || block < 1 || block > 1024) throw NotCovered("its blocks do not fit");
  const std::int64_t c = shape[1], h = shape[2], w = shape[3];
  if (to_space ? c % (block * block) != 0 : h % block != 0 || w % block != 0)
    throw NotCovered("its blocks do not fit");
  LayerPort port;
  if (to_space && node.text("mode", "DCR") == "DCR")
    port = in.permuted(in.reshaped(src, {block, block, c / (block * block), h, w}),
                       {0, 3, 4, 1, 5, 2});
  else if (to_space)
    port = in.permuted(in.reshaped(src, {c / (block * block), block, block, h, w}),
                       {0, 1, 4, 2, 5, 3});
  else
    port =
        in.permuted(in.reshaped(src, {c, h / block, block, w / block, block}), {0, 3, 5, 1, 2, 4});
  in.set_data(
      node,
      in.reshaped(port, to_space
                            ? std::vector<std::int64_t>{c / (block * block), h * block, w * block}
                            : std::vector<std::int64_t>{c * block * block, h / block, w / block}));
}

void pass_on(Importer& in, const OnnxNode& node) { in.set(node, in.value(node, 0)); }

}  // namespace

std::vector<OperatorRow> shape_operators() {
  return {{"Cast", import_cast},           {"Concat", import_concat},
          {"DepthToSpace", import_blocks}, {"Flatten", import_flatten},
          {"Identity", pass_on},           {"Reshape", import_reshape},
          {"SpaceToDepth", import_blocks}, {"Squeeze", import_squeeze},
          {"Transpose", import_transpose}, {"Unsqueeze", import_unsqueeze}};
}

}  // namespace dl
