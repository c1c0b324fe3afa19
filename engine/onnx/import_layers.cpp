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
  const LayerPort src = in.plain(node, 0).port;
  const OnnxTensor& matrix = in.constant(node, 1);
  if (matrix.dims.size() != 2 || matrix.elements() == 0)
    throw NotCovered("features times a known matrix are covered");
  ImportedLayer layer = linear(src, matrix.dims[1], transposed(in.floats(node, 1), matrix.dims[0]));
  layer.params.push_back(parameter("bias", false));
  layer.wish = wished_name(node, {node.input(1)});
  in.set_data(node, in.add(std::move(layer)));
}

bool lacks_bias(const ImportedLayer& layer) {
  return (layer.type == "linear" || layer.type == "conv") && layer.weights.size() == 1;
}

/// Numbers that are added to what a layer without a bias gives are its bias.
bool import_bias(Importer& in, const OnnxNode& node, std::size_t data) {
  const ImportedValue& value = in.value(node, data);
  if (!value.plain() || value.port.layer < 0 || in.uses(node.input(data)) != 1) return false;
  ImportedLayer layer = in.copy_of(value.port);
  const OnnxTensor& numbers = in.constant(node, 1 - data);
  if (!lacks_bias(layer) && layer.type != "group_norm") return false;
  const Shape& shape = in.shape(value.port);
  const std::size_t axis = layer.type == "linear" ? shape.rank() - 1 : 1;
  // The numbers must lie along that axis of the result.
  const std::size_t behind = shape.rank() - 1 - axis;
  if (numbers.dims.size() > behind && numbers.elements() != 1 &&
      numbers.dims[numbers.dims.size() - 1 - behind] != numbers.elements())
    return false;
  if (numbers.dims.size() <= behind && numbers.elements() != 1) return false;
  auto bias = bias_of(numbers, shape[axis]);
  if (!bias) return false;
  if (layer.type == "group_norm") {
    if (layer.weights.size() != 2 ||
        std::ranges::any_of(layer.weights[1].values, [](float x) { return x != 0; }))
      return false;
    layer.weights[1].values = *std::move(bias);
  } else {
    std::erase_if(layer.params, [](const ConfigNode::Entry& entry) { return entry.key == "bias"; });
    layer.weights.push_back({"bias", {shape[axis]}, *std::move(bias)});
  }
  if (layer.wish.empty()) layer.wish = wished_name(node, {node.input(1 - data)});
  in.set_data(node, in.add(std::move(layer)));
  return true;
}

void import_add(Importer& in, const OnnxNode& node) {
  for (const std::size_t i : {0, 1}) {
    if (in.is_data(node, i) && in.is_constant(node, 1 - i)) {
      if (import_bias(in, node, i)) return;
      throw NotCovered("a sum with numbers that are not the network's");
    }
  }
  ImportedLayer layer{.type = "add", .wish = wished_name(node, {})};
  ImportedValue first = in.value(node, 0);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ImportedValue& value = in.value(node, i);
    if (value.kind != ImportedValue::Kind::data || value.perm != first.perm)
      throw NotCovered("its inputs are not results of layers with the same order of axes");
    layer.from.push_back(value.port);
  }
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
                      .from = {in.plain(node, 1).port},
                      .weights = {{"weight", matrix.dims, in.floats(node, 0)}},
                      .wish = wished_name(node, {node.input(0)})};
  in.set_data(node, in.add(std::move(layer)));
}

void import_gather(Importer& in, const OnnxNode& node) {
  if (in.is_constant(node, 0) && in.is_data(node, 1)) return import_embedding(in, node);
  import_pick(in, node);
}

void import_dropout(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  if (value.kind != ImportedValue::Kind::data) return in.set(node, value);
  float share = node.real("ratio", 0.5F);
  if (in.has(node, 1)) {
    const std::vector<float> ratio = in.floats(node, 1);
    if (ratio.size() == 1) share = ratio[0];
  }
  value.port = in.add({.type = "dropout", .params = {parameter("p", share)}, .from = {value.port}});
  in.set(node, value);
}

/// The loss has it: cross_entropy takes scores.
void import_softmax(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const std::size_t rank = in.shape(src).rank();
  const std::size_t axis = Importer::axis_of(node.integer("axis", in.opset() < 13 ? 1 : -1), rank);
  if (axis + 1 != rank) throw NotCovered("softmax runs over the last axis");
  if (in.is_output(node.outputs.at(0)) && in.uses(node.outputs[0]) == 1 && src.layer >= 0) {
    in.note("the " + node.op +
            " at the end is left out: the loss cross_entropy has its own, and "
            "predict tells probabilities");
    return in.set_data(node, src);
  }
  ImportedLayer layer{.type = "softmax", .from = {src}, .wish = wished_name(node, {})};
  if (node.op == "LogSoftmax") layer.params.push_back(parameter("log", true));
  in.set_data(node, in.add(std::move(layer)));
}

}  // namespace

std::vector<OperatorRow> layer_operators() {
  return {{"Add", import_add},       {"Conv", import_conv},       {"Dropout", import_dropout},
          {"Gather", import_gather}, {"Gemm", import_gemm},       {"LogSoftmax", import_softmax},
          {"MatMul", import_matmul}, {"Softmax", import_softmax}, {"Sum", import_add}};
}

}  // namespace dl
