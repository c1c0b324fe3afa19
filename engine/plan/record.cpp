#include "engine/plan/record.h"

#include <algorithm>
#include <limits>

#include "engine/plan/frozen.h"

namespace dl {
namespace {

/// The state of one recording; a class only so that the steps share it.
class Recorder {
 public:
  Recorder(const Graph& graph, const WeightStore& store, Recording& recording, bool probes)
      : graph_(graph),
        tape_(recording.tape),
        probes_(probes ? &recording : nullptr),
        results_(graph.nodes.size()),
        diffs_(graph.nodes.size()),
        weights_(graph.nodes.size()),
        features_(graph.features.size()),
        frozen_(frozen_nodes(graph, store)) {
    for (const NodeWeight& weight : graph_weights(graph)) {
      const StoredWeight& stored = *store.find(weight.name);
      weights_[weight.node].push_back(
          {weight.name, weight.spec.shape, stored.trainable(), stored.frozen});
    }
  }

  void forward(const std::vector<bool>& needed, std::int64_t batch, std::vector<int>& input_nodes) {
    tape_.enter(TapeStep::Section::forward);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!needed[i]) continue;
      if (graph_.nodes[i].input) {
        record_input(static_cast<int>(i), batch);
        input_nodes.push_back(static_cast<int>(i));
      } else {
        record_node(static_cast<int>(i));
        if (probes_) look_at(static_cast<int>(i));
      }
    }
  }

  void backward(const std::vector<int>& losses, std::vector<Recording::Loss>& recorded) {
    for (std::size_t i = 0; i < losses.size(); ++i) recorded[i].seed = seed(losses[i]);
    tape_.enter(TapeStep::Section::backward);
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      if (results_[i].grad) record_backward(static_cast<int>(i));
    }
  }

  /// Its values are kept until the run's end.
  Recording::Loss loss(int node, std::size_t index) {
    const std::vector<Value>& dst = results_[node].dst;
    for (const Value& value : dst) tape_.keep(value);
    Recording::Loss loss{index, dst[0], dst[1]};
    loss.weight = graph_.nodes[node].loss_weight;
    if (dst.size() > kPlainWeight) {
      loss.plain_mean = dst[kPlainMean];
      loss.plain_count = dst[kPlainWeight];
    }
    return loss;
  }
  const Value& result(const Port& port) const { return results_[port.node].dst[port.output]; }
  /// The same as the rest of the graph reads it: features are row-major.
  const Value& from_outside(const Port& port) {
    const auto at = std::ranges::find(graph_.features, port);
    if (at == graph_.features.end()) return result(port);
    std::optional<Value>& value = features_[at - graph_.features.begin()];
    if (!value) value = tape_.plain(result(port));
    return *value;
  }

 private:
  NodeScope scope(int i) const {
    const Node& node = graph_.nodes[i];
    NodeScope scope{.node = i,
                    .name = node.name,
                    .weights = weights_[i],
                    .post = node.post,
                    .norm = {},
                    .still = frozen_.still[i],
                    .closed = frozen_.closed[i]};
    if (node.norm_node >= 0) {
      const Node& norm = graph_.nodes[node.norm_node];
      scope.norm = norm.kind->norm(*norm.layer);
      scope.norm->name = norm.name;
      const std::vector<WeightInfo>& weights = weights_[node.norm_node];
      scope.weights.insert(scope.weights.end(), weights.begin(), weights.end());
    }
    return scope;
  }

  void record_input(int i, std::int64_t batch) {
    const GraphInput& input = *graph_.nodes[i].input;
    std::vector<std::int64_t> dims = {batch};
    dims.insert(dims.end(), input.sample_shape.begin(), input.sample_shape.end());
    const auto type = input.integer ? dnnl::memory::data_type::s32 : dnnl::memory::data_type::f32;
    results_[i].dst = {tape_.input(graph_.nodes[i].name, plain_desc(Shape(dims), type))};
  }

  static std::vector<Shape> shapes_of(std::span<const Value> values) {
    std::vector<Shape> shapes;
    for (const Value& value : values) shapes.push_back(value.shape());
    return shapes;
  }

  /// oneDNN counts in 32 bits here and there; beyond that it divides by zero, or fails for no
  /// reason that it names.
  void expect_countable(int i, std::span<const Shape> src) const {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    const auto expect = [](const Shape& shape) {
      if (shape.elements() <= kMost) return;
      throw ShapeError("a tensor of " + sizes_text(shape.dims()) +
                           " numbers is too large: oneDNN computes with at most 2^31 - 1",
                       "smaller sizes of this layer, or a smaller data.batch; "
                       "train.effective_batch keeps the size of a step");
    };
    for (const Shape& shape : src) expect(shape);
    for (const Shape& shape : graph_.nodes[i].layer->infer(src)) expect(shape);
    for (const WeightInfo& weight : weights_[i]) expect(weight.shape);
  }

  /// What a layer cannot do with a batch of this size is told at its place in the config.
  template <class Act>
  void at_node(int i, const Act& act) const {
    try {
      act();
    } catch (const ShapeError& error) {
      throw UserError(graph_.nodes[i].mark, label(i) + error.what(), error.hint());
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented && error.status != dnnl_invalid_arguments) throw;
      const Shape src = result(graph_.nodes[i].src[0]).shape();
      throw UserError(graph_.nodes[i].mark,
                      label(i) + "oneDNN has nothing that computes it over " +
                          std::to_string(src[0]) + " samples of " + src.text() + " (" +
                          error.what() + ")",
                      "smaller sizes of this layer, or a smaller data.batch");
    }
  }

  std::string label(int i) const {
    const Node& node = graph_.nodes[i];
    return std::string(node.kind->loss ? "loss '" : "layer '") + node.name + "' (" +
           std::string(node.kind->name) + "): ";
  }

  void record_node(int i) {
    const Node& node = graph_.nodes[i];
    tape_.enter(scope(i));
    std::vector<Value> src;
    for (const Port& port : node.src)
      src.push_back(frozen_.fixed[i] ? result(port) : from_outside(port));
    // A time probe looks at the gradient of a sequence even where that comes from the data.
    if (probes_ && node.kind->over_time) src[0].needs_grad = true;
    at_node(i, [&] {
      expect_countable(i, shapes_of(src));
      if (tape_.training() && !frozen_.keeps_statistics[i])
        node.layer->check_training(shapes_of(src));
      results_[i] = node.layer->record(tape_, src);
    });
    const auto trains = [](const WeightInfo& weight) { return weight.trainable; };
    const bool needs_grad =
        std::ranges::any_of(node.src, [&](const Port& port) { return result(port).needs_grad; }) ||
        std::ranges::any_of(weights_[i], trains);
    for (Value& dst : results_[i].dst) dst.needs_grad = needs_grad && results_[i].grad;
    diffs_[i].resize(results_[i].dst.size());
  }

  /// Records a probe where node i is an activation or carries one.
  void look_at(int i) {
    const Node& node = graph_.nodes[i];
    const bool carries = node.post.has_value();
    if (!carries && !node.kind->activation) return;
    const auto range = flat_range(carries ? *node.post : node.kind->activation(*node.layer));
    if (!range || (carries && range->of_source)) return;
    const Value& value = range->of_source ? result(node.src[0]) : results_[i].dst[0];
    if (value.shape().rank() < 2) return;
    probes_->probes.push_back(
        record_probe(tape_, value, unit_axis(i), *range, carries ? node.post_node : i));
  }

  /// Where channels or features lie; the layer that computed them tells.
  std::size_t unit_axis(int i) const {
    const Node& node = graph_.nodes[i];
    if (node.input || node.kind->units == LayerKind::Units::channels) return 1;
    if (node.kind->units == LayerKind::Units::features)
      return results_[i].dst[0].shape().rank() - 1;
    const std::size_t axis = unit_axis(node.src[0].node);
    if (node.kind->moves_axis) return node.kind->moves_axis(*node.layer, axis);
    return std::min(axis, results_[i].dst[0].shape().rank() - 1);
  }

  /// The gradient of the total loss with respect to this one: its weight.
  std::optional<Value> seed(int loss) {
    if (!results_[loss].dst[0].needs_grad) return std::nullopt;
    diffs_[loss][0].push_back(tape_.constant({graph_.nodes[loss].loss_weight}));
    return diffs_[loss][0].back();
  }

  void record_backward(int i) {
    const Node& node = graph_.nodes[i];
    std::vector<std::optional<Value>> diff_dst(diffs_[i].size());
    bool any = false;
    tape_.enter(scope(i));
    for (std::size_t k = 0; k < diff_dst.size(); ++k) {
      if (diffs_[i][k].empty()) continue;
      diff_dst[k] = tape_.sum(diffs_[i][k], results_[i].dst[k].desc);
      any = true;
    }
    if (!any || !results_[i].dst[0].needs_grad) return;
    std::vector<std::optional<Value>> diff_src;
    at_node(i, [&] { diff_src = results_[i].grad(tape_, diff_dst); });
    tape_.flush_weight_grads();
    if (probes_ && node.kind->over_time && diff_src[0])
      probes_->time_probes.push_back(record_time_probe(tape_, *diff_src[0], i));
    for (std::size_t k = 0; k < diff_src.size(); ++k) {
      const Port& port = node.src[k];
      if (diff_src[k] && result(port).needs_grad)
        diffs_[port.node][port.output].push_back(*diff_src[k]);
    }
  }

  const Graph& graph_;
  Tape& tape_;
  Recording* probes_;                                   // null: none are wanted
  std::vector<Recorded> results_;                       // by node
  std::vector<std::vector<std::vector<Value>>> diffs_;  // by node and output: gradients that arrive
  std::vector<std::vector<WeightInfo>> weights_;        // by node
  std::vector<std::optional<Value>> features_;          // as the rest reads them
  FrozenNodes frozen_;
};

void record_features(const Graph& graph, const WeightStore& store, std::int64_t batch,
                     Recording& recording) {
  std::vector<int> roots;
  for (const Port& port : graph.features) roots.push_back(port.node);
  Recorder recorder(graph, store, recording, false);
  recorder.forward(needed_for(graph, roots), batch, recording.input_nodes);
  for (const Port& port : graph.features) {
    recording.tape.enter(NodeScope{.node = port.node, .name = graph.nodes[port.node].name});
    recording.features.push_back(recorder.from_outside(port));
    recording.tape.keep(recording.features.back());
  }
}

}  // namespace

Recording record(const Graph& graph, const WeightStore& store, const dnnl::engine& engine,
                 Purpose purpose, std::int64_t batch, bool probes) {
  const bool training = purpose == Purpose::train;
  Recording recording{.tape = Tape(engine, training, purpose == Purpose::generate),
                      .losses = {},
                      .output = {},
                      .features = {},
                      .input_nodes = {},
                      .probes = {},
                      .time_probes = {}};
  if (is_features(purpose)) {
    record_features(graph, store, batch, recording);
    return recording;
  }
  std::vector<int> losses;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < graph.losses.size(); ++i) {
    const int loss = graph.losses[i];
    const bool judges = purpose == Purpose::train || purpose == Purpose::evaluate;
    if (!judges || (!training && graph.nodes[loss].train_only)) continue;
    losses.push_back(loss);
    indices.push_back(i);
  }
  std::vector<int> roots = losses;
  roots.push_back(graph.output.node);

  Recorder recorder(graph, store, recording, probes);
  recorder.forward(needed_for(graph, roots), batch, recording.input_nodes);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const int loss = losses[i];
    recording.losses.push_back(recorder.loss(loss, indices[i]));
  }
  if (graph.output.node >= 0) {
    recording.tape.enter(
        NodeScope{.node = graph.output.node, .name = graph.nodes[graph.output.node].name});
    recording.output = recording.tape.plain(recorder.result(graph.output));
    recording.tape.keep(*recording.output);
  }
  if (training) recorder.backward(losses, recording.losses);
  std::ranges::reverse(recording.time_probes);  // recorded from the last node to the first
  return recording;
}

}  // namespace dl
