#include <algorithm>
#include <cmath>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

ImportedWeight channel_weight(const Importer& in, const OnnxNode& node, std::size_t i,
                              std::string name) {
  return {std::move(name), in.constant(node, i).dims, in.floats(node, i)};
}

void add_eps(std::vector<ConfigNode::Entry>& params, const OnnxNode& node) {
  const float eps = node.real("epsilon", 1e-5F);
  if (eps != 1e-5F) params.push_back(parameter("eps", eps));
}

/// Its results are then those of the batch that it is given: no function of a sample.
void refuse_training_mode(const OnnxNode& node) {
  const bool gives_statistics =
      std::any_of(node.outputs.begin() + 1, node.outputs.end(),
                  [](const std::string& output) { return !output.empty(); });
  if (node.integer("training_mode", 0) == 0 && !gives_statistics) return;
  throw NotCovered(
      "it is in training mode, in which it normalizes by the statistics of each batch instead of "
      "the running ones: export the model as it is evaluated (model.eval())");
}

void import_batch_norm(Importer& in, const OnnxNode& node) {
  refuse_training_mode(node);
  if (node.integer("spatial", 1) == 0) throw NotCovered("it has statistics for each place");
  ImportedLayer layer{.type = "batch_norm", .from = {in.plain(node, 0).port}};
  add_eps(layer.params, node);
  // The share of the old statistics here, of the new ones in PyTorch.
  const auto momentum =
      static_cast<float>(std::round((1.0 - node.real("momentum", 0.9F)) * 1e6) / 1e6);
  if (momentum != 0.1F) layer.params.push_back(parameter("momentum", momentum));
  const char* const names[] = {"weight", "bias", "running_mean", "running_var"};
  for (std::size_t i = 0; i < 4; ++i)
    layer.weights.push_back(channel_weight(in, node, i + 1, names[i]));
  layer.wish = wished_name(node, {node.input(1), node.input(2)});
  in.set_data(node, in.add(std::move(layer)));
}

void import_layer_norm(Importer& in, const OnnxNode& node) {
  const std::size_t rank = in.data(node, 0).perm.size();
  const std::size_t axis = Importer::axis_of(node.integer("axis", -1), rank);
  ImportedValue value = axis + 1 == rank ? in.last_axis_last(node, 0) : in.plain(node, 0);
  ImportedLayer layer{.type = "layer_norm", .from = {value.port}};
  const auto axes = static_cast<std::int64_t>(rank - axis);
  if (axes != 1) layer.params.push_back(parameter("axes", axes));
  add_eps(layer.params, node);
  layer.weights.push_back(channel_weight(in, node, 1, "weight"));
  if (in.has(node, 2)) {
    layer.weights.push_back(channel_weight(in, node, 2, "bias"));
  } else {
    const ImportedWeight& scale = layer.weights[0];
    layer.weights.push_back({"bias", scale.dims, std::vector<float>(scale.values.size(), 0.0F)});
  }
  layer.wish = wished_name(node, {node.input(1), node.input(2)});
  value.port = in.add(std::move(layer));
  in.set(node, std::move(value));
}

ImportedLayer group_norm(const OnnxNode& node, const LayerPort& src, std::int64_t groups) {
  ImportedLayer layer{
      .type = "group_norm", .params = {parameter("num_groups", groups)}, .from = {src}};
  add_eps(layer.params, node);
  return layer;
}

/// Numbers for each group as numbers for each channel.
void spread(ImportedWeight& weight, std::int64_t channels) {
  const auto count = static_cast<std::int64_t>(weight.values.size());
  if (count == 0 || count == channels || channels % count != 0) return;
  std::vector<float> all;
  for (const float value : weight.values) all.insert(all.end(), channels / count, value);
  weight = {weight.name, {channels}, std::move(all)};
}

void import_group_norm(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  ImportedLayer layer = group_norm(node, src, node.integer("num_groups", 1));
  if (in.shape(src).rank() < 2) throw NotCovered("its input has no channels");
  for (const std::size_t i : {1, 2}) {
    layer.weights.push_back(channel_weight(in, node, i, i == 1 ? "weight" : "bias"));
    if (in.opset() < 21) spread(layer.weights.back(), in.shape(src)[1]);
  }
  layer.wish = wished_name(node, {node.input(1), node.input(2)});
  in.set_data(node, in.add(std::move(layer)));
}

void import_instance_norm(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  if (in.shape(src).rank() < 3) throw NotCovered("its input has no spatial axes");
  ImportedLayer layer = group_norm(node, src, in.shape(src)[1]);
  layer.weights = {channel_weight(in, node, 1, "weight"), channel_weight(in, node, 2, "bias")};
  layer.wish = wished_name(node, {node.input(1), node.input(2)});
  in.set_data(node, in.add(std::move(layer)));
}

void import_lrn(Importer& in, const OnnxNode& node) {
  in.set_data(node, in.add({.type = "lrn",
                            .params = {parameter("size", node.integer("size", 0)),
                                       parameter("alpha", node.real("alpha", 1e-4F)),
                                       parameter("beta", node.real("beta", 0.75F)),
                                       parameter("k", node.real("bias", 1))},
                            .from = {in.plain(node, 0).port},
                            .wish = wished_name(node, {})}));
}

bool all_are(const std::vector<float>& values, float wanted) {
  return std::ranges::all_of(values, [&](float value) { return value == wanted; });
}

}  // namespace

std::optional<LayerPort> regrouped(Importer& in, const OnnxNode& node) {
  const OnnxNode* norm = in.producer(node.input(0));
  if (!norm || norm->op != "InstanceNormalization") return std::nullopt;
  const OnnxNode* into_groups = in.producer(norm->input(0));
  if (!into_groups || into_groups->op != "Reshape" || !in.is_data(*into_groups, 0))
    return std::nullopt;
  const LayerPort src = in.plain(*into_groups, 0).port, grouped = in.plain(*norm, 0).port;
  if (in.shape(src).rank() < 2 || in.shape(grouped).rank() != 3 ||
      !all_are(in.floats(*norm, 1), 1) || !all_are(in.floats(*norm, 2), 0))
    return std::nullopt;
  const std::int64_t channels = in.shape(src)[1];
  ImportedLayer layer = group_norm(*norm, src, in.shape(grouped)[1]);
  // Scale and offset come behind, as operators of their own.
  layer.weights = {{"weight", {channels}, std::vector<float>(channels, 1.0F)},
                   {"bias", {channels}, std::vector<float>(channels, 0.0F)}};
  layer.wish = wished_name(*norm, {});
  return in.add(std::move(layer));
}

std::vector<OperatorRow> norm_operators() {
  return {{"BatchNormalization", import_batch_norm},
          {"GroupNormalization", import_group_norm},
          {"InstanceNormalization", import_instance_norm},
          {"LRN", import_lrn},
          {"LayerNormalization", import_layer_norm}};
}

}  // namespace dl
