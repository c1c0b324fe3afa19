#include "engine/graph/fuse.h"

#include <doctest/doctest.h>

#include "tests/support/network.h"
#include "tests/support/paths.h"

namespace dl {
namespace {

constexpr double kBound = 1e-6;

Setup setup_around(const std::string& layers) {
  return test::setup_of("model:\n  input: [3, 8, 8]\n  layers:\n" + layers +
                        "data: {batch: 4, classes: 5}\nloss: cross_entropy\n"
                        "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

std::size_t fused_count(const Graph& graph) {
  std::size_t count = 0;
  for (const Node& node : graph.nodes) count += node.post.has_value();
  return count;
}

bool carries(const Graph& graph, const std::string& name) {
  REQUIRE(graph.find(name) >= 0);
  return graph.nodes[graph.find(name)].post.has_value();
}

/// Runs both graphs from the same weights. Training: loss, output, gradients and statistics;
/// evaluation: loss and output.
void check_same(const Graph& graph, Purpose purpose, std::int64_t batch) {
  const Graph fused = fuse_activations(graph, purpose == Purpose::train);
  REQUIRE(fused_count(fused) > 0);
  WeightStore store(graph), fused_store(graph);
  test::fill_by_formula(store);
  test::fill_by_formula(fused_store);
  const test::FormulaBatch data(graph, batch, 10, 5);
  test::LoneProgram apart(graph, store, purpose, batch);
  test::LoneProgram together(fused, fused_store, purpose, batch);
  apart->run(data.tensors(), {});
  together->run(data.tensors(), {});
  CHECK(together->loss(0).mean == doctest::Approx(apart->loss(0).mean).epsilon(kBound));
  CHECK(test::norm_relative(together->output(), apart->output()) <= kBound);
  for (const StoredWeight& weight : store.weights()) {
    CAPTURE(weight.name);
    CHECK(test::norm_relative(fused_store.values(weight), store.values(weight)) <= kBound);
    if (!weight.trainable()) continue;
    CHECK(test::norm_relative(fused_store.gradient(weight), store.gradient(weight)) <= kBound);
  }
}

void check_network(const std::string& config) {
  const Setup setup = load_setup(
      {.config = dl::test::source_path("configs/") + config, .sets = {}, .data_dir = "-"});
  check_same(setup.graph, Purpose::train, 4);
  check_same(setup.graph, Purpose::evaluate, 4);
}

}  // namespace

TEST_CASE("LeNet computes the same with activations fused") { check_network("mnist/lenet.yaml"); }

TEST_CASE("ResNet-20 computes the same with activations fused") {
  check_network("cifar/resnet20.yaml");
}

TEST_CASE("an activation is fused only into a layer that nothing else reads") {
  const Setup setup = setup_around(R"(
    - conv: {name: shared, out_channels: 3, kernel_size: 3, padding: 1}
    - relu: {name: act}
    - add: {name: sum, from: [act, shared]}
    - relu: {name: after}
    - flatten
    - linear: {name: fc, out_features: 5}
)");
  for (const bool training : {true, false}) {
    const Graph fused = fuse_activations(setup.graph, training);
    CHECK_FALSE(carries(fused, "shared"));
    CHECK(carries(fused, "sum"));
    CHECK(fused.nodes.size() == setup.graph.nodes.size());
  }
  CHECK(fused_count(setup.graph) == 0);
}

TEST_CASE("a layer whose result is also the output keeps it without the activation") {
  const Setup read = test::setup_of(R"(
model:
  input: [6]
  output: fc
  layers:
    - linear: {name: fc, out_features: 5}
    - relu: {name: act}
data: {batch: 4, classes: 5}
loss:
  - cross_entropy: {from: act}
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  const Graph fused = fuse_activations(read.graph, true);
  CHECK_FALSE(carries(fused, "fc"));
  CHECK(fused.output == read.graph.output);
}

TEST_CASE("the output may be an activation that was fused") {
  const Setup setup = setup_around(R"(
    - flatten
    - linear: {name: fc, out_features: 5}
    - relu: {name: act}
)");
  const Graph fused = fuse_activations(setup.graph, true);
  CHECK(carries(fused, "fc"));
  CHECK(fused.output.node == setup.graph.find("fc"));
  check_same(setup.graph, Purpose::train, 4);
  check_same(setup.graph, Purpose::evaluate, 4);
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  const test::FormulaBatch data(setup.graph, 4, 10, 5);
  test::LoneProgram program(fuse_activations(setup.graph, false), store, Purpose::predict, 4);
  program->run(data.tensors(), {});
  for (const float value : program->output()) CHECK(value >= 0);
}

TEST_CASE("of two activations in a row the first is fused, and the second reads it") {
  const Setup setup = setup_around(R"(
    - conv: {name: conv, out_channels: 4, kernel_size: 3}
    - relu: {name: first}
    - tanh: {name: second}
    - flatten
    - linear: {name: fc, out_features: 5}
)");
  const Graph fused = fuse_activations(setup.graph, true);
  CHECK(carries(fused, "conv"));
  CHECK(fused.nodes[fused.find("second")].src[0].node == fused.find("conv"));
  check_same(setup.graph, Purpose::train, 4);
}

TEST_CASE("training does not fuse what has no gradient from its result alone") {
  const Setup setup = setup_around(R"(
    - conv: {name: conv, out_channels: 4, kernel_size: 3}
    - swish
    - batch_norm: {name: bn}
    - swish
    - flatten
    - linear: {name: fc, out_features: 5}
)");
  CHECK(fused_count(fuse_activations(setup.graph, true)) == 0);
  const Graph evaluation = fuse_activations(setup.graph, false);
  CHECK(carries(evaluation, "conv"));
  CHECK_FALSE(carries(evaluation, "bn"));  // oneDNN's batch norm knows relu only
  check_same(setup.graph, Purpose::evaluate, 4);
}

}  // namespace dl
