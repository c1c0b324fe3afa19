#include "engine/plan/record.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/network.h"
#include "tests/support/paths.h"

namespace dl {
namespace {

using Section = TapeStep::Section;

Setup setup_around(const std::string& layers, const std::string& losses = "loss: cross_entropy\n",
                   const std::string& model = "") {
  return test::setup_of("model:\n  input: [2, 6, 6]\n" + model + "  layers:\n" + layers + losses +
                        "data: {batch: 4, classes: 3}\noptimizer: {sgd: {lr: 0.1}}\n"
                        "train: {epochs: 1}\n");
}

Setup two_heads(const std::string& losses) {
  return setup_around(R"(
    - conv: {name: conv, out_channels: 4, kernel_size: 3}
    - tanh
    - flatten: {name: flat}
    - linear: {name: fc, out_features: 3}
    - linear: {name: aux, out_features: 3, from: flat}
)",
                      losses, "  output: fc\n");
}

/// Names of the nodes that have steps of that section.
std::vector<std::string> nodes_of(const Graph& graph, const WeightStore& store, Purpose purpose,
                                  Section section) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Recording recording = record(graph, store, engine, purpose, 4);
  std::vector<std::string> names;
  for (const TapeStep& step : recording.tape.steps()) {
    if (step.section != section || step.node < 0) continue;
    const std::string& name = graph.nodes[step.node].name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

/// Gradients of all weights after one training pass.
std::vector<float> gradients_of(const Graph& graph, WeightStore& store) {
  test::LoneProgram program(graph, store, Purpose::train, 4);
  program->run(test::FormulaBatch(graph, 4, 10, 3).tensors(), {});
  return copy(store.flat_gradients());
}

/// Compares gradients with central differences of the weighted sum of all losses, at a few places
/// of every weight.
void check_numerically(const Graph& graph) {
  WeightStore store(graph);
  test::fill_by_formula(store);
  const test::FormulaBatch data(graph, 4, 10, 3);
  test::LoneProgram program(graph, store, Purpose::train, 4);
  const auto total = [&] {
    store.touch();
    program->run(data.tensors(), {});
    double sum = 0;
    for (std::size_t i = 0; i < program->loss_count(); ++i)
      sum += graph.nodes[graph.losses[i]].loss_weight * program->loss(i).mean;
    return sum;
  };
  total();
  const std::vector<float> gradients = copy(store.flat_gradients());
  for (const StoredWeight& weight : store.weights()) {
    if (!weight.trainable()) continue;
    double largest = 1e-2;
    for (std::size_t i = 0; i < weight.size; ++i)
      largest = std::max(largest, std::abs(static_cast<double>(gradients[weight.offset + i])));
    for (std::size_t i = 0; i < weight.size; i += std::max<std::size_t>(1, weight.size / 6)) {
      constexpr float kStep = 1e-2F;
      float& value = store.values(weight)[i];
      const float kept = value;
      value = kept + kStep;
      const double above = total();
      value = kept - kStep;
      const double below = total();
      value = kept;
      const double numeric = (above - below) / (2.0 * kStep);
      CHECK_MESSAGE(std::abs(numeric - gradients[weight.offset + i]) <= 1e-2 * largest, weight.name,
                    "[", i, "]: gradient ", gradients[weight.offset + i], ", numerically ",
                    numeric);
    }
  }
}

}  // namespace

TEST_CASE("a value with several readers gets the sum of their gradients") {
  const Setup setup = setup_around(R"(
    - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
    - tanh: {name: t}
    - conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1, from: t}
    - conv: {name: c, out_channels: 4, kernel_size: 1, from: t}
    - add: {name: sum, from: [b, t, c, t]}
    - sigmoid: {name: s}
    - add: {name: twice, from: [s, s]}
    - flatten
    - linear: {name: fc, out_features: 3}
)");
  check_numerically(setup.graph);
}

TEST_CASE("a residual block with batch norm has the gradients of numeric differences") {
  const Setup setup = setup_around(R"(
    - conv: {name: conv1, out_channels: 4, kernel_size: 3, padding: 1, bias: false}
    - batch_norm: {name: bn1}
    - tanh: {name: t}
    - conv: {name: conv2, out_channels: 4, kernel_size: 3, padding: 1, bias: false}
    - batch_norm: {name: bn2}
    - add: {name: sum, from: [bn2, t]}
    - tanh
    - global_avg_pool
    - flatten
    - linear: {name: fc, out_features: 3}
)");
  check_numerically(setup.graph);
}

TEST_CASE("two losses with weights add up") {
  const auto losses = [](const std::string& first, const std::string& second) {
    return "loss:\n  - cross_entropy: {from: fc, weight: " + first +
           "}\n  - cross_entropy: {from: aux, weight: " + second + "}\n";
  };
  const auto gradients = [&](const std::string& first, const std::string& second) {
    const Setup setup = two_heads(losses(first, second));
    WeightStore store(setup.graph);
    test::fill_by_formula(store);
    return gradients_of(setup.graph, store);
  };
  const std::vector<float> both = gradients("0.5", "0.25"), one = gradients("1", "0"),
                           other = gradients("0", "1");
  std::vector<float> sum(one.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = 0.5F * one[i] + 0.25F * other[i];
  CHECK(test::norm_relative(both, sum) <= 1e-6);
  CHECK(test::norm_relative(one, other) > 0.1);
  check_numerically(two_heads(losses("0.5", "0.25")).graph);
}

TEST_CASE("a loss for training only is left out of evaluation, with what only it needs") {
  const Setup setup = two_heads(
      "loss:\n  - cross_entropy: {from: aux, train_only: true}\n  - cross_entropy: {from: fc}\n");
  const WeightStore store(setup.graph);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  CHECK(record(setup.graph, store, engine, Purpose::train, 4).losses.size() == 2);
  const Recording evaluation = record(setup.graph, store, engine, Purpose::evaluate, 4);
  REQUIRE(evaluation.losses.size() == 1);
  CHECK(evaluation.losses[0].index == 1);
  CHECK(holds(nodes_of(setup.graph, store, Purpose::train, Section::forward), "aux"));
  CHECK_FALSE(holds(nodes_of(setup.graph, store, Purpose::evaluate, Section::forward), "aux"));
}

TEST_CASE("GoogLeNet's auxiliary classifiers are in training alone") {
  const Setup setup = load_setup(
      {.config = dl::test::source_path("configs/imagenet/googlenet.yaml"),
       .sets = {"data.source=~", "data.transforms=~", "model.input=[3, 80, 80]", "data.classes=10",
                "vars.width=16", "data.batch=4", "train.effective_batch=~"},
       .data_dir = "no-data"});
  const WeightStore store(setup.graph);
  CHECK(setup.graph.nodes[setup.graph.output.node].name == "fc");
  const auto auxiliary = [&](Purpose purpose, Section section) {
    const std::vector<std::string> names = nodes_of(setup.graph, store, purpose, section);
    CHECK(holds(names, "fc") == (section == Section::forward || purpose == Purpose::train));
    return std::ranges::count_if(names,
                                 [](const std::string& name) { return name.starts_with("aux"); });
  };
  CHECK(auxiliary(Purpose::train, Section::forward) > 10);
  CHECK(auxiliary(Purpose::train, Section::backward) > 10);
  for (const Purpose purpose : {Purpose::evaluate, Purpose::predict}) {
    CHECK(auxiliary(purpose, Section::prepare) == 0);
    CHECK(auxiliary(purpose, Section::forward) == 0);
    CHECK(auxiliary(purpose, Section::backward) == 0);
  }
}

TEST_CASE("predicting needs no labels and records no losses") {
  const Setup setup =
      two_heads("loss:\n  - cross_entropy: {from: fc}\n  - cross_entropy: {from: aux}\n");
  const WeightStore store(setup.graph);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Recording recording = record(setup.graph, store, engine, Purpose::predict, 4);
  CHECK(recording.losses.empty());
  CHECK(recording.input_nodes == std::vector<int>{setup.graph.find("data.image")});
  CHECK(recording.output.has_value());
  for (const TapeStep& step : recording.tape.steps()) CHECK(step.section != Section::backward);
}

TEST_CASE("frozen weights record no backward steps, and nothing below them does") {
  const Setup setup =
      two_heads("loss:\n  - cross_entropy: {from: fc}\n  - cross_entropy: {from: aux}\n");
  WeightStore all(setup.graph), some(setup.graph), none(setup.graph);
  some.freeze(std::vector<std::string>{"conv.weight", "conv.bias"});
  std::vector<std::string> names;
  for (const StoredWeight& weight : all.weights()) names.push_back(weight.name);
  none.freeze(names);

  CHECK(holds(nodes_of(setup.graph, all, Purpose::train, Section::backward), "conv"));
  const auto backward = nodes_of(setup.graph, some, Purpose::train, Section::backward);
  CHECK(holds(backward, "fc"));
  CHECK_FALSE(holds(backward, "flat"));
  CHECK_FALSE(holds(backward, "tanh1"));
  CHECK_FALSE(holds(backward, "conv"));
  CHECK(nodes_of(setup.graph, none, Purpose::train, Section::backward).empty());

  test::fill_by_formula(all);
  test::fill_by_formula(some);
  gradients_of(setup.graph, all);
  gradients_of(setup.graph, some);
  for (const StoredWeight& weight : some.weights()) {
    CAPTURE(weight.name);
    if (weight.trainable()) {
      CHECK(test::norm_relative(some.gradient(weight), all.gradient(*all.find(weight.name))) <=
            1e-6);
    } else {
      CHECK(std::ranges::all_of(some.gradient(weight), [](float g) { return g == 0; }));
    }
  }
}

TEST_CASE("a frozen layer in the middle passes gradients on to those below it") {
  const Setup setup =
      two_heads("loss:\n  - cross_entropy: {from: fc}\n  - cross_entropy: {from: aux}\n");
  WeightStore all(setup.graph), some(setup.graph);
  some.freeze(std::vector<std::string>{"fc.weight", "fc.bias"});
  test::fill_by_formula(all);
  test::fill_by_formula(some);
  gradients_of(setup.graph, all);
  gradients_of(setup.graph, some);
  const auto gradient = [](WeightStore& store, const char* name) {
    return store.gradient(*store.find(name));
  };
  CHECK(test::norm_relative(gradient(some, "conv.weight"), gradient(all, "conv.weight")) <= 1e-6);
}

}  // namespace dl
