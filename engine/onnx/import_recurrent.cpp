#include <algorithm>
#include <utility>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

/// PyTorch's gate g is ONNX's block of rows order[g].
struct Cell {
  const char* type;
  std::vector<int> order;
  std::vector<std::string> activations;  // of one direction
};
Cell cell_of(const OnnxNode& node) {
  if (node.op == "LSTM") return {"lstm", {0, 2, 3, 1}, {"Sigmoid", "Tanh", "Tanh"}};  // i, o, f, c
  if (node.op == "GRU") return {"gru", {1, 0, 2}, {"Sigmoid", "Tanh"}};               // z, r, h
  return {"rnn", {0}, {"Tanh"}};
}

/// Sizes that all tensors of the operator must have.
struct Sizes {
  std::int64_t directions, hidden, features;
};

/// A part of a tensor: the blocks of one direction in PyTorch's order.
std::vector<float> blocks(const std::vector<float>& values, std::size_t begin, std::size_t size,
                          const std::vector<int>& order) {
  std::vector<float> out;
  out.reserve(size);
  const std::size_t block = size / order.size();
  for (const int gate : order) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(begin + gate * block);
    out.insert(out.end(), at, at + static_cast<std::ptrdiff_t>(block));
  }
  return out;
}

std::vector<float> tensor(const Importer& in, const OnnxNode& node, std::size_t i,
                          const std::vector<std::int64_t>& dims) {
  if (in.constant(node, i).dims != dims)
    throw NotCovered("input " + std::to_string(i + 1) + " does not fit its hidden_size");
  return in.floats(node, i);
}

std::vector<ImportedWeight> weights_of(const Importer& in, const OnnxNode& node, const Cell& cell,
                                       const Sizes& sizes) {
  const auto [directions, hidden, features] = sizes;
  const auto gates = static_cast<std::int64_t>(cell.order.size());
  const std::int64_t rows = gates * hidden;
  const auto input = tensor(in, node, 1, {directions, rows, features}),
             recurrent = tensor(in, node, 2, {directions, rows, hidden});
  std::vector<float> bias, peephole;
  if (in.has(node, 3)) bias = tensor(in, node, 3, {directions, 2 * rows});
  if (node.op == "LSTM" && in.has(node, 7))
    peephole = tensor(in, node, 7, {directions, 3 * hidden});
  std::vector<ImportedWeight> weights;
  for (std::int64_t d = 0; d < directions; ++d) {
    const std::string suffix = d == 1 ? "_l0_reverse" : "_l0";
    const auto part = [&](const std::vector<float>& all, std::int64_t begin, std::int64_t size,
                          const std::vector<int>& order) {
      return blocks(all, static_cast<std::size_t>(begin), static_cast<std::size_t>(size), order);
    };
    weights.push_back({"weight_ih" + suffix,
                       {rows, features},
                       part(input, d * rows * features, rows * features, cell.order)});
    weights.push_back({"weight_hh" + suffix,
                       {rows, hidden},
                       part(recurrent, d * rows * hidden, rows * hidden, cell.order)});
    if (!bias.empty()) {
      weights.push_back({"bias_ih" + suffix, {rows}, part(bias, 2 * d * rows, rows, cell.order)});
      weights.push_back(
          {"bias_hh" + suffix, {rows}, part(bias, (2 * d + 1) * rows, rows, cell.order)});
    }
    if (!peephole.empty())  // i, o, f there; i, f, o here
      weights.push_back({"weight_ch" + suffix,
                         {3, hidden},
                         part(peephole, 3 * d * hidden, 3 * hidden, {0, 2, 1})});
  }
  return weights;
}

bool relu_activations(const OnnxNode& node, const Cell& cell, std::int64_t directions) {
  const auto* said = node.find<std::vector<std::string>>("activations");
  if (!said) return false;
  std::vector<std::string> usual, relu;
  for (std::int64_t d = 0; d < directions; ++d) {
    usual.insert(usual.end(), cell.activations.begin(), cell.activations.end());
    relu.emplace_back("Relu");
  }
  if (*said == usual) return false;
  if (node.op == "RNN" && *said == relu) return true;
  throw NotCovered("its activations are not PyTorch's");
}

void require_usual(const Importer& in, const OnnxNode& node) {
  if (node.find<float>("clip")) throw NotCovered("it clips its activations");
  if (node.integer("input_forget", 0) != 0) throw NotCovered("it couples its gates");
  if (in.has(node, 4)) throw NotCovered("it is given the lengths of its sequences");
  for (const std::size_t i : {5, 6}) {
    if (!in.has(node, i) || in.value(node, i).kind == ValueKind::zeros) continue;
    if (i == 6 && node.op != "LSTM") continue;
    const std::vector<float> state = in.floats(node, i);
    if (std::ranges::any_of(state, [](float value) { return value != 0; }))
      throw NotCovered("it begins with a state that is not zero");
  }
}

/// Whether only the last states of all that it gives are used, in ways that `output: last` has.
bool uses_last_alone(const Importer& in, const OnnxNode& node, std::int64_t directions) {
  const auto used = [&](std::size_t i) {
    return i < node.outputs.size() && !node.outputs[i].empty() && in.uses(node.outputs[i]) > 0;
  };
  if (used(0) || !used(1) || used(2) || in.is_output(node.outputs[1])) return false;
  const auto fits = [&](const OnnxNode* reader) {
    return reader->op == "Squeeze" || reader->op == "Transpose" || reader->op == "ReduceSum" ||
           (reader->op == "Gather" && directions == 1);
  };
  return std::ranges::all_of(in.readers(node.outputs[1]), fits);
}

void set_results(Importer& in, const OnnxNode& node, const LayerPort& port, bool batch_first,
                 bool last) {
  if (last) {
    return in.set(
        node, {.kind = ValueKind::directions, .port = port, .axes = batch_first ? "NDH" : "DNH"},
        1);
  }
  in.set(node, {.kind = ValueKind::directions, .port = port, .axes = batch_first ? "NTDH" : "TDNH"},
         0);
  const std::vector<int> perm = batch_first ? std::vector<int>{0, 1, 2} : std::vector<int>{1, 0, 2};
  for (const int result : {1, 2}) {
    if (result == 2 && node.op != "LSTM") continue;
    in.set(node, {.kind = ValueKind::data, .port = {port.layer, result}, .perm = perm},
           static_cast<std::size_t>(result));
  }
}

/// The sequences that it reads as the layer reads them, (N, T, features): by a permute layer where
/// the layer before it gives other axes.
LayerPort sequences(Importer& in, const OnnxNode& node, bool batch_first) {
  ImportedValue src = in.value(node, 0);
  if (src.kind != ValueKind::data || src.perm.size() != 3 || src.perm[batch_first ? 0 : 1] != 0)
    throw NotCovered("it reads something other than a sequence with the batch first, turned");
  if (!batch_first) std::swap(src.perm[0], src.perm[1]);
  return in.plain(std::move(src)).port;
}

void import_recurrent(Importer& in, const OnnxNode& node) {
  const bool batch_first = node.integer("layout", 0) == 1;
  const LayerPort src = sequences(in, node, batch_first);
  const Cell cell = cell_of(node);
  const std::string direction = node.text("direction", "forward");
  if (direction != "forward" && direction != "bidirectional")
    throw NotCovered("it reads backwards only");
  const Sizes sizes{direction == "forward" ? 1 : 2, node.integer("hidden_size", 0),
                    in.shape(src)[2]};
  if (sizes.hidden < 1 || sizes.hidden > (1 << 24)) throw NotCovered("it says no hidden_size");
  require_usual(in, node);
  ImportedLayer layer{.type = cell.type,
                      .params = {parameter("hidden_size", sizes.hidden)},
                      .from = {src},
                      .weights = weights_of(in, node, cell, sizes),
                      .wish = wished_name(node, {})};
  if (sizes.directions == 2) layer.params.push_back(parameter("bidirectional", true));
  if (!in.has(node, 3)) layer.params.push_back(parameter("bias", false));
  if (node.op == "LSTM" && in.has(node, 7)) layer.params.push_back(parameter("peephole", true));
  if (relu_activations(node, cell, sizes.directions))
    layer.params.push_back(word("nonlinearity", "relu"));
  if (node.op == "GRU" && node.integer("linear_before_reset", 0) == 0)
    layer.params.push_back(word("variant", "original"));
  const bool last = uses_last_alone(in, node, sizes.directions);
  if (last) layer.params.push_back(word("output", "last"));
  set_results(in, node, in.add(std::move(layer)), batch_first, last);
}

}  // namespace

std::int64_t direction_count(const ImportedLayer& layer) {
  return std::ranges::count(layer.params, "bidirectional", &ConfigNode::Entry::key) > 0 ? 2 : 1;
}

ImportedValue merged_directions(const ImportedValue& value, const std::string& axes) {
  // What the layer gives is (N, T, H), or (N, H) of its last states.
  const std::string own = axes.find('T') == std::string::npos ? "NH" : "NTH";
  ImportedValue merged{.kind = ValueKind::data, .port = value.port};
  for (const char letter : axes) {
    const std::size_t axis = own.find(letter);
    if (axis == std::string::npos) throw NotCovered("it leaves the directions apart");
    merged.perm.push_back(static_cast<int>(axis));
  }
  return merged;
}

void import_directions(Importer& in, const OnnxNode& node, const ImportedValue& value,
                       const std::string& axes) {
  in.set(node, merged_directions(value, axes));
}

void import_direction_sum(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  const auto axes = in.list(node, "axes", 1);
  if (value.kind != ValueKind::directions || !axes || axes->size() != 1 ||
      node.integer("keepdims", 1) != 0)
    throw NotCovered("a sum over axes");
  const std::size_t axis = Importer::axis_of((*axes)[0], value.axes.size());
  if (value.axes[axis] != 'D') throw NotCovered("a sum over axes");
  std::string rest = value.axes;
  rest.erase(axis, 1);
  ImportedLayer layer = in.copy_of(value.port);
  if (direction_count(layer) == 2) {
    layer.params.push_back(word("merge", "sum"));
    value.port = in.add(std::move(layer));
  }
  import_directions(in, node, value, rest);
}

std::vector<OperatorRow> recurrent_operators() {
  return {{"GRU", import_recurrent}, {"LSTM", import_recurrent}, {"RNN", import_recurrent}};
}

}  // namespace dl
