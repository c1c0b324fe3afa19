#include <algorithm>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

/// Places start..stop of an axis, each `step` behind the one before.
LayerPort sliced(Importer& in, const LayerPort& src, std::size_t axis, std::int64_t start,
                 std::int64_t stop, std::int64_t step = 1) {
  const std::int64_t size = in.shape(src)[axis];
  if (start == 0 && stop == size && step == 1) return src;
  if (axis == 0) throw NotCovered("it takes a part of the batch");
  ImportedLayer layer{.type = "slice", .from = {src}};
  if (axis != 1) layer.params.push_back(parameter("axis", static_cast<std::int64_t>(axis)));
  if (start != 0) layer.params.push_back(parameter("start", start));
  if (stop != size) layer.params.push_back(parameter("stop", stop));
  if (step != 1) layer.params.push_back(parameter("step", step));
  return in.add(std::move(layer));
}

/// The last step of an LSTM, GRU or RNN that reads forwards is its `output: last`.
std::optional<LayerPort> last_step(Importer& in, const ImportedValue& value, std::size_t axis,
                                   std::int64_t place) {
  const Shape& shape = in.shape(value.port);
  if (value.port.layer < 0 || value.port.output != 0 || axis != 1 || shape.rank() != 3 ||
      place != shape[1] - 1)
    return std::nullopt;
  ImportedLayer layer = in.copy_of(value.port);
  const auto says = [&](std::string_view key) {
    return std::ranges::count(layer.params, key, &ConfigNode::Entry::key) > 0;
  };
  if ((layer.type != "lstm" && layer.type != "gru" && layer.type != "rnn") ||
      says("bidirectional") || says("output"))
    return std::nullopt;
  layer.params.push_back(word("output", "last"));
  return in.add(std::move(layer));
}

void import_slice(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  if (value.kind == ValueKind::zeros) return in.set(node, value);
  const auto starts = in.list(node, "starts", 1), stops = in.list(node, "ends", 2),
             axes = in.list(node, "axes", 3), steps = in.list(node, "steps", 4);
  if (!starts || !stops || starts->size() != stops->size() ||
      (axes && axes->size() != starts->size()) || starts->size() > 8)
    throw NotCovered("its starts, ends and axes do not go together");
  if (value.kind == ValueKind::constant && starts->size() == 1) {
    const std::int64_t step = steps && !steps->empty() ? (*steps)[0] : 1;
    if (step < -1000 || step > 1000 || step == 0) throw NotCovered("it takes strange steps");
    return import_constant_slice(in, node,
                                 {(*starts)[0], (*stops)[0], axes ? (*axes)[0] : 0, step});
  }
  if (steps && steps->size() != starts->size())
    throw NotCovered("its starts, ends and steps do not go together");
  if (steps && std::ranges::any_of(*steps, [](std::int64_t step) { return step < 1; }))
    throw NotCovered("it goes backwards, and dltool has no layer that does");
  if (value.kind != ValueKind::data) throw NotCovered("its input is no result of a layer");
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::size_t given =
        Importer::axis_of(axes ? (*axes)[i] : static_cast<std::int64_t>(i), value.perm.size());
    const auto axis = static_cast<std::size_t>(value.perm[given]);
    const std::int64_t size = in.shape(value.port)[axis];
    const auto place = [size](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? std::max(at, -size) + size : at, 0, size);
    };
    if (axis == 0 && (*starts)[i] == 0 && (*stops)[i] >= std::max<std::int64_t>(1, in.batch()) &&
        (!steps || (*steps)[i] == 1))
      continue;  // the whole batch
    value.port = sliced(in, value.port, axis, place((*starts)[i]), place((*stops)[i]),
                        steps ? (*steps)[i] : 1);
  }
  in.set(node, value);
}

void import_split(Importer& in, const OnnxNode& node) {
  const ImportedValue value = in.value(node, 0);
  if (value.kind != ValueKind::data) throw NotCovered("its input is no result of a layer");
  const auto axis = static_cast<std::size_t>(
      value.perm[Importer::axis_of(node.integer("axis", 0), value.perm.size())]);
  const std::int64_t size = in.shape(value.port)[axis];
  auto parts = in.list(node, "split", 1);
  if (!parts) {
    const auto count = static_cast<std::int64_t>(node.outputs.size());
    const std::int64_t each = (size + count - 1) / std::max<std::int64_t>(1, count);
    parts.emplace();
    for (std::int64_t i = 0; i < count; ++i)
      parts->push_back(std::clamp<std::int64_t>(size - i * each, 0, each));
  }
  if (parts->size() != node.outputs.size())
    throw NotCovered("its parts are not as many as its outputs");
  std::int64_t at = 0;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const std::int64_t part = (*parts)[i];
    if (part < 1 || part > size - at) throw NotCovered("its parts do not fit its input");
    ImportedValue share = value;
    share.port = sliced(in, value.port, axis, at, at + part);
    in.set(node, share, i);
    at += part;
  }
}

/// Places before and behind each axis of what the layer gives.
struct Sides {
  std::vector<std::int64_t> before, after;
};

Sides sides_of(Importer& in, const OnnxNode& node, const ImportedValue& value) {
  const std::size_t rank = value.perm.size();
  const auto pads = in.list(node, "pads", 1);
  std::vector<std::int64_t> axes;
  if (in.has(node, 3))
    axes = in.integers(node, 3);
  else
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (!pads || pads->size() != 2 * axes.size())
    throw NotCovered("its pads are not two for each axis");
  Sides sides{std::vector<std::int64_t>(in.shape(value.port).rank(), 0), {}};
  sides.after = sides.before;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(value.perm[Importer::axis_of(axes[i], rank)]);
    sides.before[axis] = (*pads)[i];
    sides.after[axis] = (*pads)[axes.size() + i];
    if (sides.before[axis] < 0 || sides.after[axis] < 0) throw NotCovered("it takes places away");
  }
  if (sides.before[0] != 0 || sides.after[0] != 0) throw NotCovered("it pads the batch");
  return sides;
}

void import_pad(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.data(node, 0);
  if (node.text("mode", "constant") != "constant") throw NotCovered("it pads with no constant");
  const auto [before, after] = sides_of(in, node, value);
  float fill = node.real("value", 0);
  if (in.has(node, 2)) {
    const std::vector<float> values = in.floats(node, 2);
    if (values.size() == 1) fill = values[0];
  }
  ImportedLayer layer{.type = "pad", .from = {value.port}, .wish = wished_name(node, {})};
  std::vector<std::int64_t> sides;  // the last axis first
  bool spatial = false;
  for (std::size_t axis = before.size(); axis-- > 2;) {
    sides.insert(sides.end(), {before[axis], after[axis]});
    spatial |= before[axis] + after[axis] > 0;
  }
  if (spatial) layer.params.push_back(parameter("padding", list_node(sides)));
  if (before.size() > 1 && before[1] + after[1] > 0)
    layer.params.push_back(parameter("channels", list_node({before[1], after[1]})));
  if (layer.params.empty()) return in.set(node, value);
  if (fill != 0) layer.params.push_back(parameter("value", fill));
  value.port = in.add(std::move(layer));
  in.set(node, std::move(value));
}

}  // namespace

void import_pick(Importer& in, const OnnxNode& node) {
  ImportedValue value = in.value(node, 0);
  const std::vector<std::int64_t> places = in.integers(node, 1);
  const bool keeps_axis = !in.constant(node, 1).dims.empty();
  if (value.kind == ValueKind::constant) return import_constant_pick(in, node, places);
  if (value.kind == ValueKind::zeros) return in.set(node, value);
  if (places.size() != 1) throw NotCovered("it takes several places");
  if (value.kind == ValueKind::directions) {
    const std::size_t axis = Importer::axis_of(node.integer("axis", 0), value.axes.size());
    if (keeps_axis || value.axes[axis] != 'D' || direction_count(in.layer(value.port)) != 1)
      throw NotCovered("it takes one of a recurrent operator's directions or steps");
    return import_directions(in, node, value, std::string(value.axes).erase(axis, 1));
  }
  const std::size_t given = Importer::axis_of(node.integer("axis", 0), value.perm.size());
  const auto axis = static_cast<std::size_t>(value.perm[given]);
  const Shape shape = in.shape(value.port);
  if (axis == 0) throw NotCovered("it takes a sample of the batch");
  const auto place = static_cast<std::int64_t>(Importer::axis_of(places[0], shape[axis]));
  if (keeps_axis) {
    value.port = sliced(in, value.port, axis, place, place + 1);
    return in.set(node, value);
  }
  std::vector<int> perm;  // without that axis
  for (const int old : value.perm)
    if (old != static_cast<int>(axis)) perm.push_back(old > static_cast<int>(axis) ? old - 1 : old);
  LayerPort port;
  if (const auto last = last_step(in, value, axis, place)) {
    port = *last;
  } else {
    port = sliced(in, value.port, axis, place, place + 1);
    std::vector<std::int64_t> sample;
    for (std::size_t i = 1; i < shape.rank(); ++i)
      if (i != axis) sample.push_back(shape[i]);
    if (sample.empty()) throw NotCovered("it leaves nothing but the batch");
    port = in.reshaped(port, sample);
  }
  in.set(node, {.kind = ValueKind::data, .port = port, .perm = std::move(perm)});
}

std::vector<OperatorRow> part_operators() {
  return {{"Pad", import_pad}, {"Slice", import_slice}, {"Split", import_split}};
}

}  // namespace dl
