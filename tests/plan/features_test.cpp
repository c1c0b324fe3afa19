#include "engine/plan/features.h"

#include <doctest/doctest.h>

#include "core/glob.h"
#include "tests/support/network.h"

namespace dl {
namespace {

// A block that two later layers read, a head beside the main one, and a dropout of each.
Setup network() {
  return test::setup_of(R"(
model:
  input: [3, 8, 8]
  layers:
    - conv: {name: conv1, out_channels: 4, kernel_size: 3, padding: 1}
    - relu: {name: act1}
    - conv: {name: conv2, out_channels: 4, kernel_size: 3, padding: 1}
    - add: {name: sum, from: [conv2, act1]}
    - flatten: {name: flat}
    - dropout: {name: drop, p: 0.5}
    - linear: {name: fc, out_features: 5}
    - flatten: {name: aux_flat, from: act1}
    - linear: {name: aux, out_features: 5}
  output: fc
data: {batch: 6, classes: 5}
loss: [cross_entropy: {from: fc}, cross_entropy: {from: aux, train_only: true}]
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
}

struct Cut {
  Setup setup = network();
  WeightStore store{setup.graph};
  std::optional<FeatureCut> cut;

  explicit Cut(const std::vector<std::string>& frozen) {
    std::vector<std::string> names;
    for (const StoredWeight& weight : store.weights()) {
      if (globs_match(frozen, weight.name)) names.push_back(weight.name);
    }
    store.freeze(names);
    cut = cut_at_features(setup.graph, store);
  }
  std::string ports() const {
    std::string text;
    for (const Port& port : cut->ports) text += setup.graph.nodes[port.node].name + " ";
    return text;
  }
  std::string rest() const {
    std::string text;
    for (const Node& node : cut->rest.nodes) text += node.name + (node.input ? "* " : " ");
    return text;
  }
};

}  // namespace

TEST_CASE("features end where chance or training begins") {
  CHECK_FALSE(Cut({}).cut.has_value());
  CHECK_FALSE(Cut({"fc"}).cut.has_value());  // nothing of it comes before what is trained
  const Cut heads({"conv*"});
  CHECK(heads.ports() == "flat aux_flat ");
  CHECK(heads.rest() == "flat* aux_flat* data.label* drop fc aux cross_entropy cross_entropy2 ");
  CHECK(heads.cut->inputs == std::vector<std::size_t>{1});
  CHECK(heads.cut->rest.nodes[0].input->sample_shape == std::vector<std::int64_t>{256});
  const Cut first({"conv1"});
  CHECK(first.ports() == "act1 aux_flat ");
  CHECK(first.rest() ==
        "act1* aux_flat* data.label* conv2 sum flat drop fc aux cross_entropy cross_entropy2 ");
}

TEST_CASE("the rest of a graph is a graph of the same meaning") {
  const Cut cut({"conv*"});
  const Graph& rest = cut.cut->rest;
  CHECK(rest.nodes[rest.output.node].name == "fc");
  CHECK(rest.nodes[rest.target.node].name == "data.label");
  REQUIRE(rest.losses.size() == 2);
  CHECK(rest.nodes[rest.losses[1]].train_only);
  for (std::size_t i = 0; i < rest.nodes.size(); ++i) {
    for (const Port& port : rest.nodes[i].src) CHECK(port.node < static_cast<int>(i));
  }
  CHECK(fixed_weights(cut.setup.graph, cut.store).size() == 4);
}

}  // namespace dl
