#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/text.h"
#include "engine/onnx/importer.h"

namespace dl {

const OnnxNode* Importer::producer(const std::string& name) const {
  const auto at = producers_.find(name);
  return at == producers_.end() ? nullptr : &model_.nodes[at->second];
}

std::size_t Importer::uses(const std::string& name) const {
  const auto at = readers_.find(name);
  return (at == readers_.end() ? 0 : at->second.size()) +
         static_cast<std::size_t>(std::ranges::count(model_.outputs, name, &OnnxPort::name));
}

std::vector<const OnnxNode*> Importer::readers(const std::string& name) const {
  std::vector<const OnnxNode*> nodes;
  const auto at = readers_.find(name);
  if (at == readers_.end()) return nodes;
  for (const std::size_t i : at->second) nodes.push_back(&model_.nodes[i]);
  return nodes;
}

const ImportedValue* Importer::known(const std::string& name) const {
  const auto at = values_.find(name);
  return at == values_.end() ? nullptr : &at->second;
}

const ImportedValue& Importer::value(const std::string& name) const {
  const ImportedValue* found = known(name);
  if (!found) throw ReadsUnknown();
  return *found;
}

const ImportedValue& Importer::value(const OnnxNode& node, std::size_t i) const {
  if (node.input(i).empty()) throw NotCovered("it lacks input " + std::to_string(i + 1));
  return value(node.input(i));
}

const ImportedValue& Importer::data(const OnnxNode& node, std::size_t i) const {
  const ImportedValue& found = value(node, i);
  if (found.kind != ImportedValue::Kind::data)
    throw NotCovered("input " + std::to_string(i + 1) + " is no result of a layer");
  return found;
}

ImportedValue Importer::plain(const OnnxNode& node, std::size_t i) {
  ImportedValue found = plain(data(node, i));
  values_[node.input(i)] = found;  // whoever else reads it need not turn it again
  return found;
}

ImportedValue Importer::plain(ImportedValue value) {
  if (value.plain()) return value;
  if (value.perm.empty() || value.perm[0] != 0)
    throw NotCovered("the batch is not the first axis of its input");
  value.port = permuted(value.port, value.perm);
  std::iota(value.perm.begin(), value.perm.end(), 0);
  return value;
}

ImportedValue Importer::last_axis_last(const OnnxNode& node, std::size_t i) {
  const ImportedValue& found = data(node, i);
  if (found.perm.empty() || found.perm.back() == 0)
    throw NotCovered("the batch is the last axis of its input");
  return moved(found, static_cast<std::size_t>(found.perm.back()), shape(found.port).rank() - 1);
}

ImportedValue Importer::moved(const ImportedValue& value, std::size_t from, std::size_t to) {
  std::vector<int> order(shape(value.port).rank());
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), static_cast<int>(from));
  ImportedValue moved = value;
  moved.port = permuted(value.port, order);
  for (int& axis : moved.perm)
    axis = static_cast<int>(std::ranges::find(order, axis) - order.begin());
  return moved;
}

bool Importer::is_constant(const OnnxNode& node, std::size_t i) const {
  return has(node, i) && value(node, i).kind == ImportedValue::Kind::constant;
}

bool Importer::is_data(const OnnxNode& node, std::size_t i) const {
  return has(node, i) && value(node, i).kind == ImportedValue::Kind::data;
}

const OnnxTensor& Importer::constant(const OnnxNode& node, std::size_t i) const {
  const ImportedValue& found = value(node, i);
  if (found.kind != ImportedValue::Kind::constant)
    throw NotCovered("input " + std::to_string(i + 1) + " is not known beforehand");
  return *found.tensor;
}

std::vector<float> Importer::floats(const OnnxNode& node, std::size_t i) const {
  auto values = constant(node, i).floats();
  if (!values) throw NotCovered("input " + std::to_string(i + 1) + " holds no real numbers");
  return *std::move(values);
}

std::vector<std::int64_t> Importer::integers(const OnnxNode& node, std::size_t i) const {
  auto values = constant(node, i).integers();
  if (!values) throw NotCovered("input " + std::to_string(i + 1) + " holds no whole numbers");
  return *std::move(values);
}

std::optional<std::vector<std::int64_t>> Importer::list(const OnnxNode& node,
                                                        std::string_view attribute,
                                                        std::size_t i) const {
  if (has(node, i)) return integers(node, i);
  if (const auto* values = node.find<std::vector<std::int64_t>>(attribute)) return *values;
  return std::nullopt;
}

const Shape& Importer::shape(const LayerPort& port) const {
  if (port.layer < 0) return input_shape_;
  const std::vector<Shape>& shapes = layers_[port.layer].shapes;
  if (port.output >= static_cast<int>(shapes.size())) throw NotCovered("nothing makes its input");
  return shapes[port.output];
}

std::vector<std::int64_t> Importer::dims(const ImportedValue& value) const {
  std::vector<std::int64_t> dims;
  const Shape& own = shape(value.port);
  for (const int axis : value.perm) dims.push_back(axis == 0 ? kBatch : own[axis]);
  return dims;
}

std::size_t Importer::axis_of(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count)
    throw NotCovered("axis " + std::to_string(axis) + " is beyond the axes of its input");
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

void Importer::set(const OnnxNode& node, ImportedValue value, std::size_t output) {
  if (output < node.outputs.size() && !node.outputs[output].empty())
    values_[node.outputs[output]] = std::move(value);
}

void Importer::set_data(const OnnxNode& node, const LayerPort& port, std::size_t output) {
  ImportedValue value{.kind = ImportedValue::Kind::data, .port = port};
  for (std::size_t i = 0; i < shape(port).rank(); ++i) value.perm.push_back(static_cast<int>(i));
  set(node, std::move(value), output);
}

void Importer::set_constant(const OnnxNode& node, OnnxTensor tensor) {
  count_copy(tensor.bytes.size());
  constants_.push_back(std::move(tensor));
  std::string& from = origins_[&constants_.back()] = node.outputs.empty() ? "" : node.outputs[0];
  for (const std::string& input : node.inputs) {
    const ImportedValue* value = known(input);
    if (!value || value->kind != ImportedValue::Kind::constant) continue;
    from = origin(*value->tensor);
    break;
  }
  set(node, {.kind = ImportedValue::Kind::constant, .tensor = &constants_.back()});
}

/// What a tensor of the model is called, or that from which one was computed (transposed, cast).
std::string Importer::origin(const OnnxTensor& tensor) const {
  const auto at = origins_.find(&tensor);
  return at == origins_.end() ? tensor.name : at->second;
}

void Importer::set_integers(const OnnxNode& node, std::vector<std::int64_t> dims,
                            const std::vector<std::int64_t>& values) {
  std::string bytes(values.size() * sizeof(std::int64_t), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  set_constant(node, {.name = {}, .type = OnnxType::i64, .dims = std::move(dims), .bytes = bytes});
}

LayerPort Importer::reshaped(const LayerPort& port, const std::vector<std::int64_t>& sample) {
  constexpr std::size_t kMostAxes = 8;
  if (sample.size() > kMostAxes) throw NotCovered("its result has too many axes");
  LayerPort src = port;
  const auto fits = [&] {
    return std::ranges::equal(std::span(shape(src).dims()).subspan(1), sample);
  };
  // A shape of a shape is a shape of what was there before.
  while (src.layer >= 0 && !fits() &&
         (layers_[src.layer].type == "reshape" || layers_[src.layer].type == "flatten"))
    src = layers_[src.layer].from[0];
  if (fits()) return src;
  ImportedLayer layer{.type = "reshape", .from = {src}};
  if (sample.size() == 1)
    layer.type = "flatten";
  else
    layer.params.push_back(parameter("shape", list_node(sample)));
  return add(std::move(layer));
}

LayerPort Importer::permuted(const LayerPort& port, const std::vector<int>& order) {
  const Shape& own = shape(port);
  std::vector<std::int64_t> sizes, dims;
  std::vector<int> wide;  // axes that hold more than one place
  for (const int axis : order) {
    sizes.push_back(own[axis]);
    dims.push_back(axis);
    if (own[axis] != 1 && axis != 0) wide.push_back(axis);
  }
  if (std::ranges::is_sorted(wide)) return reshaped(port, {sizes.begin() + 1, sizes.end()});
  return add({.type = "permute", .params = {parameter("dims", list_node(dims))}, .from = {port}});
}

void Importer::reads_only(const OnnxNode& node, std::vector<std::string> names) {
  reads_[static_cast<std::size_t>(&node - model_.nodes.data())] = std::move(names);
}

ConfigNode::Entry parameter(std::string name, ConfigNode value) {
  return {std::move(name), {}, std::move(value)};
}
ConfigNode::Entry parameter(std::string name, std::int64_t value) {
  return parameter(std::move(name), ConfigNode::scalar(std::to_string(value), {}));
}
ConfigNode::Entry parameter(std::string name, float value) {
  return parameter(std::move(name), ConfigNode::scalar(number_text(value), {}));
}
ConfigNode::Entry parameter(std::string name, bool value) {
  return parameter(std::move(name), ConfigNode::scalar(value ? "true" : "false", {}));
}
ConfigNode::Entry word(std::string name, std::string value) {
  return parameter(std::move(name), ConfigNode::scalar(std::move(value), {}));
}

ConfigNode list_node(const std::vector<std::int64_t>& values) {
  std::vector<ConfigNode> items;
  for (const std::int64_t value : values)
    items.push_back(ConfigNode::scalar(std::to_string(value), {}));
  return ConfigNode::list(std::move(items), {});
}

void add_sizes(std::vector<ConfigNode::Entry>& params, const std::string& name,
               const std::vector<std::int64_t>& sizes, std::int64_t fallback) {
  const auto is = [&](std::int64_t size) { return size == sizes[0]; };
  if (sizes.empty()) return;
  if (!std::ranges::all_of(sizes, is))
    params.push_back(parameter(name, list_node(sizes)));
  else if (sizes[0] != fallback)
    params.push_back(parameter(name, sizes[0]));
}

}  // namespace dl
