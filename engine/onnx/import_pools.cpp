#include <algorithm>

#include "engine/onnx/window.h"

namespace dl {
namespace {

constexpr float kBelowAll = -1e38F;  // padding that is never a maximum

std::vector<std::int64_t> spatial(const Shape& shape) {
  return {shape.dims().begin() + 2, shape.dims().end()};
}

/// Places of the window on each axis. With ceil_mode a last window counts that is cut off, if it
/// begins in the source or in the padding before it: so do onnxruntime and PyTorch.
std::vector<std::int64_t> places(const OnnxWindow& window, const Shape& src, bool ceil_mode) {
  std::vector<std::int64_t> counts;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    const std::int64_t begin = window.before[i], stride = window.stride[i];
    const std::int64_t room = src[i + 2] + begin + window.after[i] - reach;
    if (room < 0 && (!ceil_mode || room + stride <= 0))
      throw NotCovered("its kernel is larger than its input");
    std::int64_t count = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (ceil_mode && (count - 1) * stride >= src[i + 2] + begin) --count;
    counts.push_back(count);
  }
  return counts;
}

/// A pooling that is being imported.
struct Pool {
  const OnnxNode& node;
  const OnnxWindow& window;
  std::vector<std::int64_t> places;  // that it must come to
  bool max, counts_padding;

  bool symmetric() const { return window.symmetric(); }
};

ImportedLayer pooling(const Pool& pool, const std::vector<std::int64_t>& padding, bool ceil_mode) {
  ImportedLayer layer{.type = pool.max ? "max_pool" : "avg_pool"};
  add_sizes(layer.params, "kernel_size", pool.window.kernel, -1);
  add_sizes(layer.params, "stride", pool.window.stride, -1);
  add_sizes(layer.params, "padding", padding, 0);
  if (pool.max) add_sizes(layer.params, "dilation", pool.window.dilation, 1);
  if (ceil_mode) layer.params.push_back(parameter("ceil_mode", true));
  const bool pads = std::ranges::any_of(padding, [](std::int64_t size) { return size > 0; });
  if (!pool.max && pads && !pool.counts_padding)
    layer.params.push_back(parameter("count_include_pad", false));
  layer.wish = wished_name(pool.node, {});
  return layer;
}

/// A layer with that padding on both sides, with ceil_mode where it needs that to come to `places`;
/// none where it comes to others.
std::optional<LayerPort> pooled(Importer& in, const Pool& pool, const LayerPort& src,
                                const std::vector<std::int64_t>& padding,
                                const std::vector<std::int64_t>& places) {
  for (const bool ceil_mode : {false, true}) {
    ImportedLayer layer = pooling(pool, padding, ceil_mode);
    layer.from = {src};
    try {
      const LayerPort port = in.add(std::move(layer));
      if (spatial(in.shape(port)) == places) return port;
    } catch (
        const NotCovered&) {  // more padding than the layer takes, or no room without ceil_mode
    }
  }
  return std::nullopt;
}

/// The layer's own padding does where the sides are alike, and where what lies behind the source
/// counts for nothing: that may be the padding or what ceil_mode adds.
std::optional<LayerPort> pad_in_layer(Importer& in, const Pool& pool, const LayerPort& src) {
  if (!pool.symmetric() && !pool.max && pool.counts_padding) return std::nullopt;
  return pooled(in, pool, src, pool.window.before, pool.places);
}

/// A pad layer does where padding counts as what it is, or is never a maximum.
std::optional<LayerPort> pad_before_layer(Importer& in, const Pool& pool, const LayerPort& src) {
  if (!pool.max && !pool.counts_padding) return std::nullopt;
  const std::vector<std::int64_t> none(pool.window.kernel.size(), 0);
  const LayerPort padded = pool.window.pad(in, src, pool.max ? kBelowAll : 0);
  return pooled(in, pool, padded, none, pool.places);
}

/// The larger padding on both sides, and of the result what the model has.
std::optional<LayerPort> pad_more(Importer& in, const Pool& pool, const LayerPort& src) {
  const OnnxWindow& window = pool.window;
  std::vector<std::int64_t> padding, skipped, places;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    padding.push_back(std::max(window.before[i], window.after[i]));
    const std::int64_t more = padding[i] - window.before[i];
    if (more % window.stride[i] != 0) return std::nullopt;
    skipped.push_back(more / window.stride[i]);
    places.push_back(pool.places[i] + skipped[i]);
  }
  auto port = pooled(in, pool, src, padding, places);
  for (std::size_t i = 0; port && i < skipped.size(); ++i) {
    if (skipped[i] == 0) continue;
    port = in.add({.type = "slice",
                   .params = {parameter("axis", static_cast<std::int64_t>(i + 2)),
                              parameter("start", skipped[i])},
                   .from = {*port}});
  }
  return port;
}

void import_pool(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  OnnxWindow window = read_window(node, node.integers("kernel_shape", {}), in.shape(src));
  const std::string automatic = node.text("auto_pad", "NOTSET");
  const bool ceil_mode = node.integer("ceil_mode", 0) != 0 && !automatic.starts_with("SAME");
  const std::vector<std::int64_t> counts = places(window, in.shape(src), ceil_mode);
  for (std::size_t i = 0; i < counts.size(); ++i) {  // padding that no window reaches is none
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    const std::int64_t end = (counts[i] - 1) * window.stride[i] + reach - window.before[i];
    window.after[i] = std::clamp<std::int64_t>(end - in.shape(src)[i + 2], 0, window.after[i]);
  }
  const Pool pool{node, window, counts, node.op == "MaxPool",
                  node.integer("count_include_pad", 0) != 0};
  if (!pool.max &&
      std::ranges::any_of(window.dilation, [](std::int64_t size) { return size != 1; }))
    throw NotCovered("an average with dilations");
  for (const auto way : {pad_in_layer, pad_before_layer, pad_more}) {
    if (const auto port = way(in, pool, src)) return in.set_data(node, *port);
  }
  throw NotCovered(
      "dltool's poolings have no such padding: what one leaves out of an average is the same on "
      "both sides, and at most half of the kernel");
}

void import_global(Importer& in, const OnnxNode& node) {
  const LayerPort src = in.plain(node, 0).port;
  in.set_data(node, pooled_over_places(in, node, src, node.op == "GlobalMaxPool"));
}

}  // namespace

LayerPort pooled_over_places(Importer& in, const OnnxNode& node, const LayerPort& src, bool max) {
  if (in.shape(src).rank() < 3) throw NotCovered("its input has no spatial axes");
  ImportedLayer layer{
      .type = max ? "max_pool" : "global_avg_pool", .from = {src}, .wish = wished_name(node, {})};
  if (max) add_sizes(layer.params, "kernel_size", spatial(in.shape(src)), -1);
  return in.add(std::move(layer));
}

std::vector<OperatorRow> pool_operators() {
  return {{"AveragePool", import_pool},
          {"GlobalAveragePool", import_global},
          {"GlobalMaxPool", import_global},
          {"MaxPool", import_pool}};
}

}  // namespace dl
