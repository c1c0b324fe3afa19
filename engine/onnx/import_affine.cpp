#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "engine/onnx/importer.h"

// Data times, plus, minus and divided by numbers that are known: Caffe's Scale, a bias that is
// added on its own, a preprocessing that the model begins with.
namespace dl {
namespace {

/// One number for each of `count` places.
std::vector<float> spread(const std::vector<float>& values, std::int64_t count) {
  if (values.size() != 1) return values;
  return std::vector<float>(static_cast<std::size_t>(count), values[0]);
}

bool all_are(const std::vector<float>& values, float wanted) {
  return std::ranges::all_of(values, [&](float value) { return value == wanted; });
}

/// Along which axis of what the layer gives known numbers differ (none: one for all); nullopt where
/// it is not one axis.
struct Spread {
  std::optional<std::size_t> axis;
};
std::optional<Spread> spread_over(const Importer& in, const OnnxNode& node,
                                  const OnnxTensor& numbers, const ImportedValue& value) {
  const std::size_t rank = value.perm.size(), given = numbers.dims.size();
  // Up to opset 6 an attribute says with which axis numbers begin.
  const std::int64_t begin =
      node.integer("axis", static_cast<std::int64_t>(rank) - static_cast<std::int64_t>(given));
  std::optional<std::size_t> wide;
  for (std::size_t i = 0; i < given; ++i) {
    if (numbers.dims[i] == 1) continue;
    if (wide) return std::nullopt;
    wide = i;
  }
  if (!wide) return given > rank ? std::nullopt : std::optional(Spread{});
  const std::int64_t axis = begin + static_cast<std::int64_t>(*wide);
  if (begin < 0 || axis >= static_cast<std::int64_t>(rank)) return std::nullopt;
  const auto own = static_cast<std::size_t>(value.perm[static_cast<std::size_t>(axis)]);
  if (own == 0 || in.shape(value.port)[own] != numbers.dims[*wide]) return std::nullopt;
  return Spread{own};
}

/// Which axis of its result a layer has weights along; none: it has none that take an Affine.
std::optional<std::size_t> weighted_axis(const Importer& in, const LayerPort& port) {
  if (port.layer < 0 || port.output != 0) return std::nullopt;
  const ImportedLayer& layer = in.layer(port);
  const std::size_t last = in.shape(port).rank() - 1;
  if (layer.type == "conv" || layer.type == "batch_norm" || layer.type == "group_norm") return 1;
  if (layer.type == "linear" || layer.type == "embedding") return last;
  if (layer.type == "layer_norm" && layer.weights[0].dims.size() == 1) return last;
  return std::nullopt;
}

void add_bias(ImportedLayer& layer, std::vector<float> shift) {
  std::erase_if(layer.params, [](const ConfigNode::Entry& entry) { return entry.key == "bias"; });
  layer.weights.push_back({"bias", {std::ssize(shift)}, std::move(shift)});
}

/// Of one number for each place of that axis.
void fold(ImportedLayer& layer, const std::vector<float>& scale, const std::vector<float>& shift) {
  ImportedWeight& weight = layer.weights[0];
  const std::size_t count = scale.size();
  if (layer.type == "embedding") {
    for (std::size_t i = 0; i < weight.values.size(); ++i)
      weight.values[i] = weight.values[i] * scale[i % count] + shift[i % count];
    return;
  }
  const std::size_t row = weight.values.size() / count;
  for (std::size_t i = 0; i < weight.values.size(); ++i) weight.values[i] *= scale[i / row];
  if (layer.weights.size() == 1) {
    if (!all_are(shift, 0)) add_bias(layer, shift);
    return;
  }
  for (std::size_t i = 0; i < count; ++i)
    layer.weights[1].values[i] = layer.weights[1].values[i] * scale[i] + shift[i];
}

/// A convolution of 1x1 with a group for each channel.
ImportedValue with_convolution(Importer& in, const OnnxNode& node, ImportedValue value,
                               const Affine& affine) {
  if (value.port.layer < 0 && in.reads_tokens())
    throw NotCovered("it computes with tokens, which are no numbers");
  constexpr std::size_t kMostAxes = 4;  // that a convolution reads
  if (affine.axis && *affine.axis != 1) value = in.moved(value, *affine.axis, 1);
  const Shape shape = in.shape(value.port);
  const std::int64_t channels = shape[1];
  const bool other_shape = shape.rank() < 3 || shape.rank() > kMostAxes;
  const std::vector<std::int64_t> sample(shape.dims().begin() + 1, shape.dims().end());
  LayerPort port = value.port;
  if (other_shape) port = in.reshaped(port, {channels, shape.elements() / channels});
  std::vector<std::int64_t> dims(in.shape(port).rank(), 1);
  dims[0] = channels;
  ImportedLayer layer{
      .type = "conv",
      .params = {parameter("out_channels", channels), parameter("kernel_size", std::int64_t{1}),
                 parameter("groups", channels)},
      .from = {port},
      .weights = {{"weight", dims, spread(affine.scale, channels)}},
      .wish = wished_name(node, {}),
      .note = "the operator " + node.op + " '" + node.name +
              "' computes with fixed numbers; it becomes a convolution of 1x1 with "
              "a group for each channel, whose weights are trained unless frozen"};
  if (all_are(affine.shift, 0))
    layer.params.push_back(parameter("bias", false));
  else
    layer.weights.push_back({"bias", {channels}, spread(affine.shift, channels)});
  port = in.add(std::move(layer));
  value.port = other_shape ? in.reshaped(port, sample) : port;
  return value;
}

/// What an operator of data and numbers computes; none where it is not linear.
std::optional<Affine> affine_of(const OnnxNode& node, std::vector<float> numbers, bool data_first) {
  Affine affine;
  if (node.op == "Add") {
    affine.shift = std::move(numbers);
  } else if (node.op == "Sub") {
    affine.scale = {data_first ? 1.0F : -1.0F};
    for (float& number : numbers) number = data_first ? -number : number;
    affine.shift = std::move(numbers);
  } else if (node.op == "Mul") {
    affine.scale = std::move(numbers);
  } else if (node.op == "Div" && data_first) {
    for (float& number : numbers) number = 1 / number;
    affine.scale = std::move(numbers);
  } else {
    return std::nullopt;
  }
  return affine;
}

void import_sub(Importer& in, const OnnxNode& node) {
  if (import_affine(in, node)) return;
  const ImportedValue a = in.data(node, 0), b = in.data(node, 1);
  const ImportedValue negative = with_affine(in, node, "", b, {.scale = {-1}});
  if (negative.perm != a.perm || in.shape(a.port) != in.shape(negative.port))
    throw NotCovered("its inputs have different shapes, or another order of axes");
  ImportedValue difference = a;
  difference.port =
      in.add({.type = "add", .from = {a.port, negative.port}, .wish = wished_name(node, {})});
  in.set(node, difference);
}

void import_neg(Importer& in, const OnnxNode& node) {
  in.set(node, with_affine(in, node, node.input(0), in.data(node, 0), {.scale = {-1}}));
}

}  // namespace

ImportedValue with_affine(Importer& in, const OnnxNode& node, const std::string& name,
                          const ImportedValue& value, Affine affine) {
  if (all_are(affine.scale, 1) && all_are(affine.shift, 0)) return value;
  const auto axis = weighted_axis(in, value.port);
  if (!axis || in.uses(name) != 1 || (affine.axis && *affine.axis != *axis))
    return with_convolution(in, node, value, affine);
  const std::int64_t count = in.shape(value.port)[*axis];
  ImportedLayer layer = in.copy_of(value.port);
  fold(layer, spread(affine.scale, count), spread(affine.shift, count));
  if (layer.wish.empty()) layer.wish = wished_name(node, {node.input(0), node.input(1)});
  ImportedValue result = value;
  result.port = in.add(std::move(layer));
  return result;
}

bool import_affine(Importer& in, const OnnxNode& node) {
  if (node.inputs.size() != 2) return false;
  for (const std::size_t i : {0, 1}) {
    if (!in.is_data(node, i) || !in.is_constant(node, 1 - i)) continue;
    const ImportedValue value = in.value(node, i);
    const auto spread = spread_over(in, node, in.constant(node, 1 - i), value);
    if (!spread)
      throw NotCovered("its numbers differ along several axes, or fit no axis of its input");
    auto affine = affine_of(node, in.floats(node, 1 - i), i == 0);
    if (!affine) throw NotCovered("a number divided by data");
    affine->axis = spread->axis;
    in.set(node, with_affine(in, node, node.input(i), value, *std::move(affine)));
    return true;
  }
  return false;
}

std::vector<OperatorRow> affine_operators() { return {{"Neg", import_neg}, {"Sub", import_sub}}; }

}  // namespace dl
