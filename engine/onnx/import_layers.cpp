#include <algorithm>

#include "engine/onnx/importer.h"
#include "engine/onnx/window.h"

namespace dl {
namespace {

std::vector<float> transposed(const std::vector<float>& values, std::int64_t rows) {
  const std::int64_t columns = static_cast<std::int64_t>(values.size()) / rows;
  std::vector<float> out(values.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < columns; ++k) out[k * rows + i] = values[i * columns + k];
  }
  return out;
}

/// A bias of `count` numbers, perhaps one for all, and perhaps with axes of size 1 around.
std::optional<std::vector<float>> bias_of(const OnnxTensor& tensor, std::int64_t count) {
  auto values = tensor.floats();
  if (!values || values->empty()) return std::nullopt;
  if (values->size() == 1) values->resize(static_cast<std::size_t>(count), (*values)[0]);
  if (static_cast<std::int64_t>(values->size()) != count) return std::nullopt;
  return values;
}

void import_conv(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const OnnxTensor& weight = in.constant(node, 1);
  if (weight.dims.size() < 3 || weight.dims.size() > 4 ||
      in.shape(src).rank() != weight.dims.size())
    throw NotCovered("convolutions over one or two axes are covered");
  const std::vector<std::int64_t> kernel(weight.dims.begin() + 2, weight.dims.end());
  const OnnxWindow window = read_window(node, kernel, in.shape(src));
  ImportedLayer layer{.type = "conv", .from = {window.padded(in, src, 0)}};
  layer.params.push_back(parameter("out_channels", weight.dims[0]));
  add_sizes(layer.params, "kernel_size", kernel, -1);
  add_sizes(layer.params, "stride", window.stride, 1);
  add_sizes(layer.params, "padding", window.padding(), 0);
  add_sizes(layer.params, "dilation", window.dilation, 1);
  const std::int64_t groups = node.integer("group", 1);
  if (groups != 1) layer.params.push_back(parameter("groups", groups));
  layer.weights = {{"weight", weight.dims, in.floats(node, 1)}};
  if (in.has(node, 2)) {
    layer.weights.push_back({"bias", in.constant(node, 2).dims, in.floats(node, 2)});
  } else {
    layer.params.push_back(parameter("bias", false));
  }
  layer.wish = wished_name(node, {node.input(1), node.input(2)});
  in.set_data(node, in.add(std::move(layer)));
}

ImportedLayer linear(const LayerPort& src, std::int64_t out, std::vector<float> weight) {
  const std::int64_t features = static_cast<std::int64_t>(weight.size()) / out;
  return {.type = "linear",
          .params = {parameter("out_features", out)},
          .from = {src},
          .weights = {{"weight", {out, features}, std::move(weight)}}};
}

void import_gemm(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const OnnxTensor& matrix = in.constant(node, 1);
  if (node.integer("transA", 0) != 0 || matrix.dims.size() != 2 || in.shape(src).rank() != 2 ||
      matrix.elements() == 0)
    throw NotCovered("features times a known matrix are covered");
  std::vector<float> weight = in.floats(node, 1);
  std::int64_t out = matrix.dims[0];
  if (node.integer("transB", 0) == 0) {
    weight = transposed(weight, matrix.dims[0]);
    out = matrix.dims[1];
  }
  for (float& value : weight) value *= node.real("alpha", 1);
  ImportedLayer layer = linear(src, out, std::move(weight));
  if (in.has(node, 2)) {
    auto bias = bias_of(in.constant(node, 2), out);
    if (!bias) throw NotCovered("what it adds is not a number for each feature");
    for (float& value : *bias) value *= node.real("beta", 1);
    layer.weights.push_back({"bias", {out}, *std::move(bias)});
  } else {
    layer.params.push_back(parameter("bias", false));
  }
  layer.wish = wished_name(node, {node.input(1), node.input(2)});
  in.set_data(node, in.add(std::move(layer)));
}

void import_matmul(Importer& in, const OnnxNode& node) {
  const OnnxTensor& matrix = in.constant(node, 1);
  // Axes of one place before it are as good as none, unless the result would get more by them.
  const std::size_t rank = in.data(node, 0).perm.size(), axes = matrix.dims.size();
  if (axes < 2 || axes > std::max<std::size_t>(rank, 2) || matrix.elements() == 0 ||
      std::any_of(matrix.dims.begin(), matrix.dims.end() - 2,
                  [](std::int64_t size) { return size != 1; }))
    throw NotCovered("features times a known matrix are covered");
  ImportedValue value = in.last_axis_last(node, 0);
  const std::int64_t features = matrix.dims[axes - 2];
  ImportedLayer layer =
      linear(value.port, matrix.dims[axes - 1], transposed(in.floats(node, 1), features));
  layer.params.push_back(parameter("bias", false));
  layer.wish = wished_name(node, {node.input(1)});
  value.port = in.add(std::move(layer));
  in.set(node, std::move(value));
}

void import_add(Importer& in, const OnnxNode& node) {
  if (import_affine(in, node)) return;
  ImportedLayer layer{.type = "add", .wish = wished_name(node, {})};
  ImportedValue first = in.data(node, 0);
  const bool alike = [&] {
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
      if (in.data(node, i).perm != first.perm) return false;
    return true;
  }();
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    layer.from.push_back(alike ? in.data(node, i).port : in.plain(node, i).port);
  if (!alike) first = in.plain(node, 0);
  if (layer.from.size() == 1) return in.set(node, first);
  first.port = in.add(std::move(layer));
  in.set(node, first);
}

/// Rows of a known matrix, by tokens.
void import_embedding(Importer& in, const OnnxNode& node) {
  const OnnxTensor& matrix = in.constant(node, 0);
  if (node.integer("axis", 0) != 0 || matrix.dims.size() != 2)
    throw NotCovered("what it looks up is no matrix's rows");
  ImportedLayer layer{.type = "embedding",
                      .params = {parameter("num_embeddings", matrix.dims[0]),
                                 parameter("embedding_dim", matrix.dims[1])},
                      .from = {in.data(node, 1).port},
                      .weights = {{"weight", matrix.dims, in.floats(node, 0)}},
                      .wish = wished_name(node, {node.input(0)})};
  ImportedValue value = in.data(node, 1);
  value.perm.push_back(static_cast<int>(value.perm.size()));  // the features of each token
  value.port = in.add(std::move(layer));
  in.set(node, std::move(value));
}

void import_gather(Importer& in, const OnnxNode& node) {
  if (in.is_constant(node, 0) && in.is_data(node, 1)) return import_embedding(in, node);
  import_pick(in, node);
}

void import_dropout(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  if (value.kind != ImportedValue::Kind::data) return in.set(node, value);
  float share = node.real("ratio", 0.5F);
  const std::string note =
      in.is_constant(node, 2) && in.integers(node, 2) == std::vector<std::int64_t>{1}
          ? "the Dropout '" + node.name +
                "' is in training mode in the model, which draws anew for each batch; here it "
                "draws in training alone"
          : "";
  if (in.has(node, 1)) {
    const std::vector<float> ratio = in.floats(node, 1);
    if (ratio.size() == 1) share = ratio[0];
  }
  value.port = in.add(
      {.type = "dropout", .params = {parameter("p", share)}, .from = {value.port}, .note = note});
  in.set(node, value);
}

/// Up to opset 12 all axes from one on are taken as one; from 13 on it is that axis alone.
std::size_t softmax_axis(Importer& in, const OnnxNode& node, ImportedValue& value,
                         std::vector<std::int64_t>& shaped_back) {
  const std::size_t rank = value.perm.size();
  const std::size_t axis = Importer::axis_of(node.integer("axis", in.opset() < 13 ? 1 : -1), rank);
  if (in.opset() >= 13) return axis;
  std::vector<std::int64_t> dims = in.dims(value);
  std::size_t wide = axis, count = 0;
  for (std::size_t i = axis; i < rank; ++i) {
    if (dims[i] == kBatch) throw NotCovered("softmax over the samples of a batch");
    if (dims[i] == 1) continue;
    wide = i;
    ++count;
  }
  if (count < 2) return wide;
  value = in.plain(node, 0);
  shaped_back.assign(dims.begin() + 1, dims.end());
  std::vector<std::int64_t> joined(dims.begin() + 1,
                                   dims.begin() + static_cast<std::ptrdiff_t>(axis));
  joined.push_back(1);
  for (std::size_t i = axis; i < rank; ++i) joined.back() *= dims[i];
  value.port = in.reshaped(value.port, joined);
  value.perm.resize(joined.size() + 1);
  return axis;
}

/// The loss has it: cross_entropy takes scores.
bool leave_to_loss(Importer& in, const OnnxNode& node, const ImportedValue& value,
                   std::size_t axis) {
  const Shape& shape = in.shape(value.port);
  const auto own = static_cast<std::size_t>(value.perm[axis]);
  const bool of_sample = shape.elements() == shape[own];
  if (!in.ends_as_output(node.outputs.at(0)) || value.port.layer < 0 ||
      (!of_sample && own + 1 != shape.rank()))
    return false;
  in.note("the " + node.op +
          " at the end is left out: the loss cross_entropy has its own, and predict tells "
          "probabilities");
  const bool shaped_later = std::ranges::any_of(
      in.readers(node.outputs[0]),
      [](const OnnxNode* reader) { return reader->op != "Cast" && reader->op != "Identity"; });
  if (of_sample && !shaped_later)
    in.set_data(node, in.reshaped(value.port, {shape[own]}));
  else
    in.set(node, value);
  return true;
}

void import_softmax(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.data(node, 0);
  std::vector<std::int64_t> shaped_back;
  const std::size_t axis = softmax_axis(in, node, value, shaped_back);
  if (value.perm[axis] == 0) throw NotCovered("softmax over the samples of a batch");
  if (leave_to_loss(in, node, value, axis)) return;
  value =
      in.moved(value, static_cast<std::size_t>(value.perm[axis]), in.shape(value.port).rank() - 1);
  ImportedLayer layer{.type = "softmax", .from = {value.port}, .wish = wished_name(node, {})};
  if (node.op == "LogSoftmax") layer.params.push_back(parameter("log", true));
  value.port = in.add(std::move(layer));
  if (shaped_back.empty()) return in.set(node, std::move(value));
  in.set_data(node, in.reshaped(value.port, shaped_back));
}

}  // namespace

std::vector<OperatorRow> layer_operators() {
  return {{"Add", import_add},       {"Conv", import_conv},       {"Dropout", import_dropout},
          {"Gather", import_gather}, {"Gemm", import_gemm},       {"LogSoftmax", import_softmax},
          {"MatMul", import_matmul}, {"Softmax", import_softmax}, {"Sum", import_add}};
}

}  // namespace dl
