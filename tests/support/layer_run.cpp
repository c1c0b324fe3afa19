#include "tests/support/layer_run.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/plan/plan.h"
#include "engine/plan/record.h"
#include "layers/part_util.h"
#include "tests/support/formula.h"

namespace dl::test {
namespace {

/// A source whose values are a weight, so that they have a gradient.
class TestSource final : public Layer {
 public:
  TestSource(Shape shape, LayerCase::Layout layout) : shape_(std::move(shape)), layout_(layout) {}
  std::vector<Shape> infer(std::span<const Shape>) const override { return {shape_}; }
  std::vector<WeightSpec> weights(std::span<const Shape>) const override {
    return {{"value", shape_, [](std::span<float>, const Shape&, const Random&) {}}};
  }
  Recorded record(Tape& tape, std::span<const Value>) const override {
    using tag = dnnl::memory::format_tag;
    Value dst = tape.weight("value");
    if (layout_ == LayerCase::Layout::channels_last) {
      dst = tape.as(dst, channels_last(shape_));
    } else if (layout_ == LayerCase::Layout::blocked &&
               (shape_.rank() == 3 || shape_.rank() == 4)) {
      const bool wide = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
      dst = tape.as(dst, {shape_.dims(), dnnl::memory::data_type::f32,
                          shape_.rank() == 3 ? (wide ? tag::nCw16c : tag::nCw8c)
                                             : (wide ? tag::nChw16c : tag::nChw8c)});
    }
    return {{dst},
            [](Tape& back,
               std::span<const std::optional<Value>> diff) -> std::vector<std::optional<Value>> {
              back.add_weight_grad("value", *diff[0]);
              return {};
            }};
  }

 private:
  Shape shape_;
  LayerCase::Layout layout_;
};

/// sum(src * given numbers), in double.
class WeightedSum final : public Layer {
 public:
  explicit WeightedSum(std::vector<float> factors) : factors_(std::move(factors)) {}
  std::vector<Shape> infer(std::span<const Shape>) const override { return {{1}, {1}}; }
  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Value src = tape.plain(srcs[0]);
    const Value factors = tape.constant(factors_);
    const Value mean = tape.value(plain_desc({1})), count = tape.value(plain_desc({1}));
    const std::size_t size = factors_.size();
    tape.host("weighted sum", {src, factors}, {mean, count}, [size](const HostArgs& args) {
      double sum = 0;
      for (std::size_t i = 0; i < size; ++i)
        sum += static_cast<double>(args.src<float>(0)[i]) * args.src<float>(1)[i];
      *args.dst<float>(0) = static_cast<float>(sum);
      *args.dst<float>(1) = 1;
    });
    return {{mean, count},
            [factors, desc = src.desc](Tape& back, std::span<const std::optional<Value>>)
                -> std::vector<std::optional<Value>> { return {back.view(factors, desc)}; }};
  }

 private:
  std::vector<float> factors_;
};

Node node_of(std::string name, std::unique_ptr<Layer> layer, const LayerKind* kind,
             std::vector<Port> src) {
  Node node;
  node.name = std::move(name);
  node.kind = kind;
  node.layer = std::move(layer);
  node.src = std::move(src);
  return node;
}

/// A case as graph, weights and plan.
class Bench {
 public:
  explicit Bench(const LayerCase& layer_case)
      : case_(layer_case), engine_(dnnl::engine::kind::cpu, 0) {
    build_graph();
    store_ = WeightStore(graph_);
    fill_weights();
    std::vector<std::string> frozen;
    for (const std::string& name : case_.frozen)
      frozen.push_back(name.starts_with("src") ? name + ".value" : "layer." + name);
    store_.freeze(frozen);
    Recording recording = record(graph_, store_, engine_,
                                 case_.training ? Purpose::train : Purpose::evaluate, batch());
    losses_ = recording.losses;
    for (const Value& value : kept_values(recording)) results_.push_back(value);
    const PlanLayout layout = lay_out_plan(recording.tape);
    arena_ = AlignedBuffer(layout.arena.bytes);
    // Bytes that nobody wrote must not matter.
    std::memset(arena_.data(), 0xFF, arena_.bytes());
    const std::vector<int> input_nodes = recording.input_nodes;
    plan_ = std::make_unique<Plan>(std::move(recording.tape), layout, store_,
                                   std::span(arena_.data(), arena_.bytes()));
    for (std::size_t i = 0; i < input_nodes.size(); ++i) {
      plan_->set_input(i, case_.sources[source_of_.at(input_nodes[i])].integers.data());
    }
  }

  LayerResult step(std::int64_t number) {
    plan_->run({.seed = case_.seed, .step = number});
    LayerResult result;
    for (std::size_t k = 0; k < results_.size(); ++k) {
      const Shape shape = results_[k].shape();
      const float* data = static_cast<const float*>(plan_->data(results_[k]));
      result.dst.emplace_back(data, data + shape.elements());
      result.shapes.push_back(shape);
      // The plain form of a loss is told, and nothing goes back from it.
      if (k >= kPlainMean && kind_named(case_.layer).loss) continue;
      result.loss += *static_cast<const float*>(plan_->data(losses_[k].mean));
    }
    for (std::size_t i = 0; i < case_.sources.size(); ++i) {
      const StoredWeight* source = store_.find("src" + std::to_string(i) + ".value");
      result.diff_src.push_back(source ? copy(store_.gradient(*source)) : std::vector<float>());
    }
    for (const StoredWeight& weight : store_.weights()) {
      if (!weight.name.starts_with("layer.")) continue;
      result.diff_weights[weight.name.substr(6)] = copy(store_.gradient(weight));
      result.weights_after[weight.name.substr(6)] = copy(store_.values(weight));
    }
    return result;
  }

 private:
  std::int64_t batch() const { return case_.sources.empty() ? 1 : case_.sources[0].shape[0]; }
  static std::vector<float> copy(std::span<const float> values) {
    return {values.begin(), values.end()};
  }

  void build_graph() {
    static const LayerKind kSource{"test_source", "", {0, 0}, {}, {}};
    static const LayerKind kSum{"weighted_sum", "", one_source(), {}, {}, LossTraits{}};
    std::vector<Port> ports;
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < case_.sources.size(); ++i) {
      const LayerCase::Tensor& source = case_.sources[i];
      ports.push_back({static_cast<int>(i), 0});
      shapes.push_back(source.shape);
      source_of_[static_cast<int>(i)] = i;
      if (!source.integers.empty()) {
        Node input;
        input.name = "src" + std::to_string(i);
        input.input =
            GraphInput{{source.shape.dims().begin() + 1, source.shape.dims().end()}, true};
        graph_.nodes.push_back(std::move(input));
      } else {
        graph_.nodes.push_back(node_of("src" + std::to_string(i),
                                       std::make_unique<TestSource>(source.shape, case_.layout),
                                       &kSource, {}));
      }
    }
    const LayerKind& kind = kind_named(case_.layer);
    std::unique_ptr<Layer> layer = kind.make(case_.params);
    const std::vector<Shape> results = layer->infer(shapes);
    const int node = static_cast<int>(graph_.nodes.size());
    graph_.nodes.push_back(node_of("layer", std::move(layer), &kind, ports));
    graph_.nodes.back().post = case_.post;
    for (std::size_t k = 0; k < results.size(); ++k) {
      std::vector<float> factors(results[k].elements(), 1.0F);
      if (k < case_.diff_dst.size()) factors = case_.diff_dst[k];
      graph_.losses.push_back(static_cast<int>(graph_.nodes.size()));
      graph_.nodes.push_back(node_of("sum" + std::to_string(k),
                                     std::make_unique<WeightedSum>(factors), &kSum,
                                     {{node, static_cast<int>(k)}}));
    }
    graph_.output = {node, 0};
  }

  void fill_weights() {
    store_.initialise(graph_, case_.seed);
    for (const StoredWeight& weight : store_.weights()) {
      const std::vector<float>* values = nullptr;
      if (weight.name.starts_with("src")) {
        values = &case_.sources[std::stoul(weight.name.substr(3))].values;
      } else if (const auto at = case_.weights.find(weight.name.substr(6));
                 at != case_.weights.end()) {
        values = &at->second;
      }
      if (values) std::copy(values->begin(), values->end(), store_.values(weight).begin());
    }
    store_.touch();
  }

  /// The layer's results, row-major: what the weighted sums read.
  static std::vector<Value> kept_values(Recording& recording) {
    std::vector<Value> results;
    for (const TapeStep& step : recording.tape.steps()) {
      if (step.what != "host:weighted sum") continue;
      const int id = step.reads[0];
      results.push_back({id, recording.tape.values()[id].desc, false});
      recording.tape.keep(results.back());
    }
    return results;
  }

  const LayerCase& case_;
  dnnl::engine engine_;
  Graph graph_;
  std::map<int, std::size_t> source_of_;
  WeightStore store_;
  AlignedBuffer arena_;
  std::vector<Recording::Loss> losses_;
  std::vector<Value> results_;
  std::unique_ptr<Plan> plan_;
};

}  // namespace

const LayerKind& kind_named(std::string_view name) {
  const Mark nowhere;
  return find_kind<LayerKind>(all_layers(), name, nowhere, "layer");
}

LayerResult run_layer(const LayerCase& layer_case) { return Bench(layer_case).step(0); }

std::vector<LayerResult> run_layer_steps(const LayerCase& layer_case, int steps) {
  Bench bench(layer_case);
  std::vector<LayerResult> results;
  for (int i = 0; i < steps; ++i) results.push_back(bench.step(i));
  return results;
}

ConfigNode node_from_json(const nlohmann::json& json) {
  if (json.is_object()) {
    std::vector<ConfigNode::Entry> entries;
    for (const auto& [key, value] : json.items())
      entries.push_back({key, {}, node_from_json(value)});
    return ConfigNode::map(std::move(entries), {});
  }
  if (json.is_array()) {
    std::vector<ConfigNode> items;
    for (const auto& item : json) items.push_back(node_from_json(item));
    return ConfigNode::list(std::move(items), {});
  }
  if (json.is_null()) return ConfigNode::null({});
  return ConfigNode::scalar(json.is_string() ? json.get<std::string>() : json.dump(), {});
}

}  // namespace dl::test
