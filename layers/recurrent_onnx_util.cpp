#include "layers/recurrent_onnx_util.h"

namespace dl {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kInt32 = 6;  // TensorProto.DataType

/// ONNX's gate g is the block of rows order[g] of PyTorch's weights.
constexpr int kLstmOrder[] = {0, 3, 1, 2};  // i, o, f, c of i, f, g, o
constexpr int kGruOrder[] = {1, 0, 2};      // z, r, h of r, z, n
constexpr int kRnnOrder[] = {0};
constexpr int kPeepholeOrder[] = {0, 2, 1};  // i, o, f of i, f, o

std::span<const int> gate_order(const RecurrentCell& cell) {
  if (cell.cell_state) return kLstmOrder;
  return cell.gate_count() == 3 ? std::span<const int>(kGruOrder) : kRnnOrder;
}

void append_blocks(std::span<const float> values, std::span<const int> order,
                   std::vector<float>& out) {
  const std::size_t block = values.size() / order.size();
  for (const int gate : order) {
    const std::span<const float> rows = values.subspan(gate * block, block);
    out.insert(out.end(), rows.begin(), rows.end());
  }
}

}  // namespace

std::string RecurrentOnnx::op() const {
  if (cell_.cell_state) return "LSTM";
  return cell_.gate_count() == 3 ? "GRU" : "RNN";
}

OnnxAttributes RecurrentOnnx::attributes() const {
  OnnxAttributes attributes = {
      {"hidden_size", cell_.hidden_size},
      {"direction", std::string(params_.bidirectional ? "bidirectional" : "forward")}};
  if (op() == "GRU") {
    const bool linear_before_reset = params_.variant == GruVariant::lbr;
    attributes.emplace_back("linear_before_reset", std::int64_t{linear_before_reset});
  }
  if (op() == "RNN") {
    const bool relu = params_.nonlinearity == RnnNonlinearity::relu;
    attributes.emplace_back("activations",
                            std::vector<std::string>(params_.directions(), relu ? "Relu" : "Tanh"));
  }
  return attributes;
}

/// A weight of all directions of a layer, (D, rows, columns) or, with `flat`, (D, all).
std::string RecurrentOnnx::stacked(const std::string& name, std::int64_t layer,
                                   std::span<const int> order, bool flat) const {
  std::vector<float> all;
  const std::int64_t directions = params_.directions();
  for (int direction = 0; direction < directions; ++direction)
    append_blocks(onnx_.values(name + params_.suffix(layer, direction)), order, all);
  const auto each = static_cast<std::int64_t>(all.size()) / directions;
  const std::int64_t rows = static_cast<std::int64_t>(order.size()) * cell_.hidden_size;
  const Shape shape = flat ? Shape{directions, each} : Shape{directions, rows, each / rows};
  return onnx_.constant(shape, std::move(all));
}

std::string RecurrentOnnx::biases(std::int64_t layer) const {
  std::vector<float> all;
  for (int direction = 0; direction < params_.directions(); ++direction) {
    for (const char* name : {"bias_ih", "bias_hh"})
      append_blocks(onnx_.values(name + params_.suffix(layer, direction)), gate_order(cell_), all);
  }
  const std::int64_t directions = params_.directions();
  const Shape shape{directions, static_cast<std::int64_t>(all.size()) / directions};
  return onnx_.constant(shape, std::move(all));
}

RecurrentOnnx::Weights RecurrentOnnx::weights(std::int64_t layer) const {
  const std::span<const int> order = gate_order(cell_);
  return {.input = stacked("weight_ih", layer, order, false),
          .recurrent = stacked("weight_hh", layer, order, false),
          .bias = cell_.bias ? biases(layer) : "",
          .peephole = cell_.peephole ? stacked("weight_ch", layer, kPeepholeOrder, true) : ""};
}

/// (N, places, H) or (N, H) as (places, N, H).
std::string RecurrentOnnx::initial_states(std::optional<std::size_t> source) const {
  if (!source) return "";
  const std::int64_t size = onnx_.src_shape(*source).back();
  const std::string states =
      onnx_.add("Reshape", {onnx_.src(*source), onnx_.constant(Ints{0, params_.places(), size})});
  return onnx_.add("Transpose", {states}, {{"perm", Ints{1, 0, 2}}});
}

std::string RecurrentOnnx::share(const std::string& states, std::int64_t layer) const {
  if (states.empty() || params_.num_layers == 1) return states;
  const std::int64_t begin = layer * params_.directions(), end = begin + params_.directions();
  return onnx_.add("Slice", {states, onnx_.constant(Ints{begin}), onnx_.constant(Ints{end}),
                             onnx_.constant(Ints{0})});
}

std::string RecurrentOnnx::lengths() const {
  if (!roles_.lengths) return "";
  return onnx_.add("Cast", {onnx_.src(*roles_.lengths)}, {{"to", kInt32}});
}

/// (T, D, N, H) as (T, N, what the next layer reads).
std::string RecurrentOnnx::merged(const std::string& y) const {
  if (!params_.bidirectional) return onnx_.add("Squeeze", {y, onnx_.constant(Ints{1})});
  if (params_.merge == MergeDirections::sum)
    return onnx_.add("ReduceSum", {y, onnx_.constant(Ints{1})}, {{"keepdims", std::int64_t{0}}});
  const std::string beside = onnx_.add("Transpose", {y}, {{"perm", Ints{0, 2, 1, 3}}});
  return onnx_.add("Reshape", {beside, onnx_.constant(Ints{0, 0, -1})});
}

/// Likewise of the last states of a layer, (D, N, H).
std::string RecurrentOnnx::last(const std::string& states) const {
  if (!params_.bidirectional) return onnx_.add("Squeeze", {states, onnx_.constant(Ints{0})});
  if (params_.merge == MergeDirections::sum)
    return onnx_.add("ReduceSum", {states, onnx_.constant(Ints{0})},
                     {{"keepdims", std::int64_t{0}}});
  const std::string beside = onnx_.add("Transpose", {states}, {{"perm", Ints{1, 0, 2}}});
  return onnx_.add("Reshape", {beside, onnx_.constant(Ints{0, -1})});
}

std::string RecurrentOnnx::final_states(const std::vector<std::string>& states) const {
  const std::string all =
      states.size() == 1 ? states[0] : onnx_.add("Concat", states, {{"axis", std::int64_t{0}}});
  return onnx_.add("Transpose", {all}, {{"perm", Ints{1, 0, 2}}});
}

std::vector<std::string> RecurrentOnnx::write() const {
  if (cell_.proj_size > 0) throw NoOnnxForm("ONNX's LSTM has no projection (proj_size)");
  if (params_.stateful)
    onnx_.note("the exported layer begins each call with zeros: stateful is dltool's own");
  const std::string h0 = initial_states(roles_.h), c0 = initial_states(roles_.c);
  const std::string lens = lengths();
  std::string x = onnx_.add("Transpose", {onnx_.src(0)}, {{"perm", Ints{1, 0, 2}}});
  std::vector<std::string> h, c;
  for (std::int64_t layer = 0; layer < params_.num_layers; ++layer) {
    const Weights w = weights(layer);
    std::vector<std::string> inputs = {x, w.input, w.recurrent, w.bias, lens, share(h0, layer)};
    if (cell_.cell_state) inputs.insert(inputs.end(), {share(c0, layer), w.peephole});
    while (inputs.back().empty()) inputs.pop_back();
    const auto results =
        onnx_.add_all(op(), std::move(inputs), attributes(), cell_.cell_state ? 3 : 2);
    h.push_back(results[1]);
    if (cell_.cell_state) c.push_back(results[2]);
    x = merged(results[0]);
  }
  const std::string dst = params_.output == SequenceOutput::last
                              ? last(h.back())
                              : onnx_.add("Transpose", {x}, {{"perm", Ints{1, 0, 2}}});
  std::vector<std::string> all = {dst, final_states(h)};
  if (cell_.cell_state) all.push_back(final_states(c));
  return all;
}

}  // namespace dl
