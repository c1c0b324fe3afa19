#include <algorithm>
#include <functional>
#include <initializer_list>
#include <numeric>

#include "engine/onnx/importer.h"

// What a network's ends are turned to: where the batch and the channels are, and which function its
// loss has of its own.
namespace dl {
namespace {

constexpr std::size_t kMostTensors = 64;  // that are looked at for what tells their axes
constexpr int kMostReshapes = 8;          // between a function and the output

using NodePredicate = std::function<bool(const OnnxNode& node, const std::string& name)>;

bool is_one_of(const OnnxNode& node, std::initializer_list<std::string_view> ops) {
  return node.domain.empty() && std::ranges::count(ops, node.op) > 0;
}

/// Whether all that is made of a tensor goes to operators that are wanted, on the way through ones
/// that pass its axes on.
bool leads_only_to(const Importer& in, const std::string& tensor, const NodePredicate& wanted,
                   const NodePredicate& passes) {
  std::vector<std::string> left = {tensor};
  std::set<std::string> seen = {tensor};
  while (!left.empty()) {
    const std::string name = left.back();
    left.pop_back();
    const auto readers = in.readers(name);
    if (readers.empty() || in.is_output(name)) return false;
    for (const OnnxNode* node : readers) {
      if (wanted(*node, name)) continue;
      if (!passes(*node, name) || node->outputs.empty()) return false;
      if (seen.insert(node->outputs[0]).second) left.push_back(node->outputs[0]);
      if (seen.size() > kMostTensors) return false;
    }
  }
  return true;
}

bool is_of_each_element(const OnnxNode& node) {
  return is_one_of(node, {"Add", "Cast", "Clip", "Div", "Dropout", "Identity", "LeakyRelu", "Mul",
                          "Relu", "Sub", "Tanh"});
}

bool is_channels_first(const std::vector<std::int64_t>& perm) {
  return perm == std::vector<std::int64_t>{0, 3, 1, 2};
}

}  // namespace

/// A recurrent operator reads (steps, batch, features).
bool Importer::reads_steps_first(const std::string& input) const {
  const auto recurrent = [](const OnnxNode& node, const std::string& name) {
    return is_one_of(node, {"LSTM", "GRU", "RNN"}) && node.input(0) == name &&
           node.integer("layout", 0) == 0;
  };
  const auto passes = [](const OnnxNode& node, const std::string& name) {
    if (is_one_of(node, {"Gather"})) return node.input(1) == name;
    return is_of_each_element(node) || is_one_of(node, {"MatMul"});
  };
  return leads_only_to(*this, input, recurrent, passes);
}

/// Images that are (height, width, channels) until they are turned.
bool Importer::reads_channels_last(const std::string& input) const {
  if (sample_.size() != 3) return false;
  const auto turns = [&](const OnnxNode& node, const std::string&) {
    if (is_one_of(node, {"Transpose"})) return is_channels_first(node.integers("perm", {}));
    // Of one channel that is another shape and no more.
    if (!is_one_of(node, {"Reshape"})) return false;
    const OnnxNode* maker = producer(node.input(1));  // its result is not known yet
    const ImportedValue* shape = known(node.input(1));
    const OnnxTensor* tensor = shape ? shape->tensor : nullptr;
    if (maker && maker->op == "Constant") tensor = maker->find<OnnxTensor>("value");
    const auto sizes = tensor ? tensor->integers() : std::nullopt;
    return sample_[2] == 1 && sizes && sizes->size() == 4 && (*sizes)[1] == 1 &&
           (*sizes)[2] == sample_[0];
  };
  const auto passes = [](const OnnxNode& node, const std::string&) {
    return is_of_each_element(node) || is_one_of(node, {"Pad"});
  };
  return leads_only_to(*this, input, turns, passes);
}

void Importer::orient_input(const std::string& input, bool steps_first) {
  ImportedValue value{.kind = ImportedValue::Kind::data};
  value.perm.resize(sample_.size() + 1);
  std::iota(value.perm.begin(), value.perm.end(), 0);
  if (steps_first) {
    std::swap(value.perm[0], value.perm[1]);
    note(
        "the input of the model has steps first and samples second; here samples come first, each "
        "with its steps");
  } else if (reads_channels_last(input)) {
    std::ranges::rotate(sample_, sample_.begin() + 2);
    value.perm = {0, 2, 3, 1};
    note(
        "the model reads images with their channels last; here they come first, as images are "
        "read");
  }
  std::vector<std::int64_t> dims = {1};
  dims.insert(dims.end(), sample_.begin(), sample_.end());
  input_shape_ = Shape(std::move(dims));
  values_[input] = value;
}

bool Importer::ends_as_output(std::string name) const {
  for (int i = 0; i < kMostReshapes; ++i) {
    if (is_output(name)) return uses(name) == 1;
    const auto all = readers(name);
    if (all.size() != 1 || all[0]->outputs.empty() || all[0]->input(0) != name ||
        !is_one_of(*all[0], {"Cast", "Flatten", "Identity", "Reshape", "Squeeze"}))
      return false;
    name = all[0]->outputs[0];
  }
  return false;
}

/// Puts the axes of what the model gives into its order, but for the batch, which comes first.
/// False where it is no result of a layer.
bool Importer::finish_output(ImportedValue& value) {
  if (value.port.layer < 0) return false;
  if (value.kind == ValueKind::directions) {
    note(
        "the output of the model has its steps and directions on axes of their own; here it is "
        "(samples, steps, features), the directions side by side");
    return true;
  }
  if (value.kind != ValueKind::data) return false;
  std::vector<int> order = {0};
  for (const int axis : value.perm)
    if (axis != 0) order.push_back(axis);
  if (order.size() != shape(value.port).rank()) return false;
  if (value.perm.empty() || value.perm[0] != 0)
    note(
        "the output of the model has its samples elsewhere than on the first axis; here they come "
        "first");
  value.port = permuted(value.port, order);
  return true;
}

}  // namespace dl
