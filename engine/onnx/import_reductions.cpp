#include <algorithm>

#include "engine/onnx/importer.h"

// Means, maxima and sums over axes: poolings of all places, once the axes that go stand last.
namespace dl {
namespace {

/// Axes of what the layer gives, the batch apart, in the order of the model.
struct Axes {
  std::vector<int> kept, gone;
};

Axes axes_of(Importer& in, const OnnxNode& node, const ImportedValue& value) {
  const auto given = in.list(node, "axes", 1);
  if (!given) throw NotCovered("it runs over the samples of a batch");
  std::vector<bool> runs(value.perm.size());
  for (const std::int64_t axis : *given) runs[Importer::axis_of(axis, runs.size())] = true;
  Axes axes;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (value.perm[i] == 0 && runs[i]) throw NotCovered("it runs over the samples of a batch");
    if (value.perm[i] != 0) (runs[i] ? axes.gone : axes.kept).push_back(value.perm[i]);
  }
  return axes;
}

std::int64_t places(const Shape& shape, const std::vector<int>& axes) {
  std::int64_t count = 1;
  for (const int axis : axes) count *= shape[axis];
  return count;
}

/// (N, kept, 1, ...): as a pooling of channels where that is what it is.
LayerPort pooled(Importer& in, const OnnxNode& node, const LayerPort& src, const Axes& axes) {
  const Shape shape = in.shape(src);
  const bool max = node.op == "ReduceMax";
  if (axes.kept == std::vector<int>{1} && shape.rank() > 2 && shape.rank() < 5)
    return pooled_over_places(in, node, src, max);
  std::vector<int> order = {0};
  order.insert(order.end(), axes.kept.begin(), axes.kept.end());
  order.insert(order.end(), axes.gone.begin(), axes.gone.end());
  const LayerPort turned = in.permuted(src, order);
  return pooled_over_places(
      in, node, in.reshaped(turned, {places(shape, axes.kept), places(shape, axes.gone)}), max);
}

void import_reduction(Importer& in, const OnnxNode& node) {
  if (in.value(node, 0).kind == ValueKind::directions) {
    if (node.op != "ReduceSum") throw NotCovered("it runs over the directions of its input");
    return import_direction_sum(in, node);
  }
  const ImportedValue& value = in.data(node, 0);
  const Axes axes = axes_of(in, node, value);
  if (axes.gone.empty()) return in.set(node, value);
  if (value.perm[0] != 0) throw NotCovered("the batch is not the first axis of its input");
  const Shape shape = in.shape(value.port);
  std::vector<std::int64_t> sample;
  for (const int axis : value.perm) {
    const bool goes = std::ranges::count(axes.gone, axis) > 0;
    if (axis != 0 && (!goes || node.integer("keepdims", 1) != 0))
      sample.push_back(goes ? 1 : shape[axis]);
  }
  if (sample.empty()) throw NotCovered("it leaves nothing but the batch");
  ImportedValue result{.kind = ValueKind::data,
                       .port = in.reshaped(pooled(in, node, value.port, axes), sample)};
  for (std::size_t i = 0; i <= sample.size(); ++i) result.perm.push_back(static_cast<int>(i));
  if (node.op == "ReduceSum") {
    const auto count = static_cast<float>(places(shape, axes.gone));
    result = with_affine(in, node, "", result, {.scale = {count}});
  }
  in.set(node, std::move(result));
}

}  // namespace

std::vector<OperatorRow> reduction_operators() {
  return {{"ReduceMax", import_reduction},
          {"ReduceMean", import_reduction},
          {"ReduceSum", import_reduction}};
}

}  // namespace dl
