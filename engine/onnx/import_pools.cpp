#include <algorithm>

#include "engine/onnx/window.h"

namespace dl {
namespace {

constexpr float kBelowAll = -1e38F;  // padding that is never a maximum

std::vector<std::int64_t> spatial(const Shape& shape) {
  return {shape.dims().begin() + 2, shape.dims().end()};
}

/// Places of the window on one axis, as ONNX counts them without ceil_mode.
std::vector<std::int64_t> places(const OnnxWindow& window, const Shape& src) {
  std::vector<std::int64_t> counts;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    counts.push_back((src[i + 2] + window.before[i] + window.after[i] - reach) / window.stride[i] +
                     1);
  }
  return counts;
}

ImportedLayer pooling(const OnnxNode& node, const OnnxWindow& window,
                      const std::vector<std::int64_t>& padding, bool ceil_mode) {
  const bool max = node.op == "MaxPool";
  ImportedLayer layer{.type = max ? "max_pool" : "avg_pool"};
  add_sizes(layer.params, "kernel_size", window.kernel, -1);
  add_sizes(layer.params, "stride", window.stride, -1);
  add_sizes(layer.params, "padding", padding, 0);
  if (max)
    add_sizes(layer.params, "dilation", window.dilation, 1);
  else if (std::ranges::any_of(window.dilation, [](std::int64_t size) { return size != 1; }))
    throw NotCovered("an average with dilations");
  if (ceil_mode) layer.params.push_back(parameter("ceil_mode", true));
  const bool pads = std::ranges::any_of(padding, [](std::int64_t size) { return size > 0; });
  if (!max && pads && node.integer("count_include_pad", 0) == 0)
    layer.params.push_back(parameter("count_include_pad", false));
  return layer;
}

/// More padding behind than before is what ceil_mode does, where the window comes to as many places
/// and what it finds beyond the source counts for nothing.
std::optional<LayerPort> with_ceil_mode(Importer& in, const OnnxNode& node,
                                        const OnnxWindow& window, const LayerPort& src) {
  for (std::size_t i = 0; i < window.kernel.size(); ++i)
    if (window.after[i] < window.before[i]) return std::nullopt;
  if (node.op != "MaxPool" && node.integer("count_include_pad", 0) != 0) return std::nullopt;
  ImportedLayer layer = pooling(node, window, window.before, true);
  layer.from = {src};
  if (node.op != "MaxPool" && layer.params.back().key != "count_include_pad")
    layer.params.push_back(parameter("count_include_pad", false));
  layer.wish = wished_name(node, {});
  try {
    const LayerPort port = in.add(std::move(layer));
    if (spatial(in.shape(port)) == places(window, in.shape(src))) return port;
  } catch (const NotCovered&) {
  }
  return std::nullopt;
}

void import_pool(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const OnnxWindow window = read_window(node, node.integers("kernel_shape", {}), in.shape(src));
  const bool ceil_mode = node.integer("ceil_mode", 0) != 0;
  if (!window.symmetric() && !ceil_mode) {
    if (const auto port = with_ceil_mode(in, node, window, src)) return in.set_data(node, *port);
  }
  const bool max = node.op == "MaxPool";
  if (!window.symmetric() && !max && node.integer("count_include_pad", 0) == 0)
    throw NotCovered("an average that leaves out a padding that differs between the sides");
  ImportedLayer layer = pooling(node, window, window.padding(), ceil_mode);
  layer.from = {window.padded(in, src, max ? kBelowAll : 0)};
  layer.wish = wished_name(node, {});
  in.set_data(node, in.add(std::move(layer)));
}

LayerPort global_max(Importer& in, const OnnxNode& node, const LayerPort& src) {
  if (in.shape(src).rank() < 3) throw NotCovered("its input has no spatial axes");
  ImportedLayer layer{.type = "max_pool", .from = {src}, .wish = wished_name(node, {})};
  add_sizes(layer.params, "kernel_size", spatial(in.shape(src)), -1);
  return in.add(std::move(layer));
}

LayerPort global_mean(Importer& in, const OnnxNode& node, const LayerPort& src) {
  return in.add({.type = "global_avg_pool", .from = {src}, .wish = wished_name(node, {})});
}

void import_global(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  in.set_data(node,
              node.op == "GlobalMaxPool" ? global_max(in, node, src) : global_mean(in, node, src));
}

/// A mean or maximum over the spatial axes is a global pooling.
void import_reduction(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  const Shape shape = in.shape(src);
  const auto given = in.list(node, "axes", 1);
  std::vector<std::size_t> axes;
  if (given)
    for (const std::int64_t axis : *given) axes.push_back(Importer::axis_of(axis, shape.rank()));
  std::ranges::sort(axes);
  std::vector<std::size_t> wanted;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) wanted.push_back(axis);
  if (axes != wanted || wanted.empty()) throw NotCovered("it runs over other axes than H and W");
  LayerPort port = node.op == "ReduceMax" ? global_max(in, node, src) : global_mean(in, node, src);
  if (node.integer("keepdims", 1) == 0) port = in.reshaped(port, {shape[1]});
  in.set_data(node, port);
}

}  // namespace

std::vector<OperatorRow> pool_operators() {
  return {{"AveragePool", import_pool},     {"GlobalAveragePool", import_global},
          {"GlobalMaxPool", import_global}, {"MaxPool", import_pool},
          {"ReduceMax", import_reduction},  {"ReduceMean", import_reduction}};
}

}  // namespace dl
