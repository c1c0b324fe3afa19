#include "engine/graph/cost.h"

#include <doctest/doctest.h>

#include "tests/support/network.h"
#include "tests/support/paths.h"

namespace dl {
namespace {

struct Totals {
  std::int64_t parameters = 0, flops = 0;
};

Totals totals_of(const Graph& graph) {
  Totals totals;
  for (const NodeCost& cost : graph_costs(graph)) {
    totals.parameters += cost.parameters;
    totals.flops += cost.flops;
  }
  return totals;
}

Graph graph_of(const std::string& config, const std::vector<std::string>& sets = {}) {
  return load_setup({.config = dl::test::source_path("configs/") + config,
                     .sets = sets,
                     .data_dir = "no-data"})
      .graph;
}

}  // namespace

TEST_CASE("ResNet-20 and LeNet cost what is known of them") {
  // PyTorch counts 272,474 parameters and 431,080 (tests/goldens/networks/*.json hold its counts).
  const Totals resnet = totals_of(graph_of("cifar/resnet20.yaml"));
  CHECK(resnet.parameters == 272474);
  // He et al. give 40.6M multiplications with free shortcuts; two projections add 0.26M.
  CHECK(resnet.flops > 2 * 40'600'000);
  CHECK(resnet.flops < 2 * 41'900'000);

  const Totals lenet = totals_of(graph_of("mnist/lenet.yaml"));
  CHECK(lenet.parameters == 431080);
  const std::int64_t conv = 2 * (20 * 25 * 24 * 24 + 50 * 20 * 25 * 8 * 8);
  const std::int64_t linear = 2 * (800 * 500 + 500 * 10);
  const std::int64_t activations = 20 * 24 * 24 + 50 * 8 * 8 + 500;
  const std::int64_t pools_and_flatten = 20 * 12 * 12 + 50 * 4 * 4 + 800;
  CHECK(lenet.flops == conv + linear + activations + pools_and_flatten + 1);
}

TEST_CASE("deeper residual networks have the parameters that PyTorch counts") {
  CHECK(totals_of(graph_of("cifar/resnet20.yaml", {"vars.n=9"})).parameters == 855770);
}

TEST_CASE("a recurrent layer costs its matrices in every step, an embedding its result") {
  const Setup setup = test::setup_of(R"(
data: {batch: 4, classes: 10}
model:
  input: [7, 5]
  layers:
    - lstm: {name: lstm, hidden_size: 3, num_layers: 2, bidirectional: true, output: last}
    - linear: {name: fc, out_features: 10}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  const NodeCost cost = graph_costs(setup.graph)[setup.graph.find("lstm")];
  const std::int64_t matrices = 2 * 12 * (5 + 3) + 2 * 12 * (6 + 3);
  CHECK(cost.flops == 2 * matrices * 7);
  CHECK(cost.parameters == matrices + 4 * 2 * 12);
}

TEST_CASE("a convolution costs two operations for each weight and place, its bias none") {
  const Setup setup = test::setup_of(R"(
model:
  input: [4, 6, 6]
  layers:
    - conv: {name: conv, out_channels: 8, kernel_size: 3, groups: 2}
    - batch_norm: {name: bn}
    - flatten
    - linear: {name: fc, out_features: 5}
data: {batch: 4, classes: 5}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  const std::vector<NodeCost> costs = graph_costs(setup.graph);
  const NodeCost conv = costs[setup.graph.find("conv")], norm = costs[setup.graph.find("bn")];
  const NodeCost linear = costs[setup.graph.find("fc")];
  CHECK(conv.parameters == 8 * 2 * 9 + 8);
  CHECK(conv.flops == 2 * (8 * 2 * 9) * 4 * 4);
  CHECK(norm.parameters == 16);  // running statistics are no parameters
  CHECK(norm.flops == 8 * 4 * 4);
  CHECK(linear.parameters == 128 * 5 + 5);
  CHECK(linear.flops == 2 * 128 * 5);
}

}  // namespace dl
