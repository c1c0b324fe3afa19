#include "engine/plan/frozen.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/glob.h"
#include "tests/support/network.h"

namespace dl {
namespace {

constexpr std::int64_t kBatch = 6;

Setup picture_network(const std::string& conv1 = "bias: false") {
  return test::setup_of(R"(
model:
  input: [4, 8, 8]
  layers:
    - conv: {name: conv1, out_channels: 16, kernel_size: 3, padding: 1, )" +
                        conv1 + R"(}
    - batch_norm: {name: bn1}
    - relu: {name: act1}
    - dropout: {name: drop1, p: 0.5}
    - conv: {name: conv2, out_channels: 8, kernel_size: 3, padding: 1}
    - batch_norm: {name: bn2, affine: false}
    - relu: {name: act2}
    - dropout: {name: drop2, p: 0.5}
    - flatten: {name: flat}
    - linear: {name: fc, out_features: 5}
data: {batch: 6, classes: 5}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
}

void freeze(WeightStore& store, const std::vector<std::string>& globs) {
  std::vector<std::string> names;
  for (const StoredWeight& weight : store.weights()) {
    if (globs_match(globs, weight.name)) names.push_back(weight.name);
  }
  store.freeze(names);
}

std::string names_of(const Graph& graph, const std::vector<bool>& nodes) {
  std::string names;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i]) names += graph.nodes[i].name + " ";
  }
  return names;
}

/// A network with some weights frozen, and its programs as a run has them.
struct Network {
  Setup setup;
  WeightStore store;
  std::unique_ptr<Programs> programs;

  Network(Setup made, const std::vector<std::string>& globs)
      : setup(std::move(made)), store(setup.graph) {
    test::fill_by_formula(store);
    freeze(store, globs);
    programs = std::make_unique<Programs>(setup.graph, store);
    for (const Purpose purpose : {Purpose::train, Purpose::evaluate})
      programs->add(purpose, kBatch);
    programs->bind();
  }
  std::vector<float> output(Purpose purpose) {
    Program& program = programs->get(purpose, kBatch);
    program.run(test::FormulaBatch(setup.graph, kBatch, 10, 5).tensors(), {});
    return {program.output().begin(), program.output().end()};
  }
  std::vector<float> values(const std::string& name) {
    const auto span = store.values(*store.find(name));
    return {span.begin(), span.end()};
  }
  bool runs(const std::string& node) {
    const int wanted = setup.graph.find(node);
    return std::ranges::any_of(programs->get(Purpose::train, kBatch).plan().steps(),
                               [&](const TapeStep& step) { return step.node == wanted; });
  }
};

}  // namespace

TEST_CASE("nodes are still where all that they have, or all that reads them, is frozen") {
  const Setup setup = picture_network();
  const auto found = [&](const std::vector<std::string>& globs) {
    WeightStore store(setup.graph);
    freeze(store, globs);
    return frozen_nodes(setup.graph, store);
  };
  const auto still = [&](const std::vector<std::string>& globs) {
    return names_of(setup.graph, found(globs).still);
  };
  const auto closed = [&](const std::vector<std::string>& globs) {
    return names_of(setup.graph, found(globs).closed);
  };
  CHECK(still({}).empty());
  // What the head reads is not: its dropout is the head's.
  CHECK(still({"**", "!fc"}) == "conv1 bn1 act1 drop1 conv2 bn2 ");
  CHECK(closed({"**", "!fc"}) == "conv1 bn1 act1 drop1 conv2 bn2 act2 flat ");
  CHECK(names_of(setup.graph, found({"**", "!fc"}).fixed) ==
        "conv1 bn1 act1 drop1 conv2 bn2 act2 ");  // drop2 differs from step to step
  CHECK(still({"conv1", "bn1"}) == "conv1 bn1 ");
  CHECK(still({"conv2", "bn2", "fc"}) == "act1 drop1 conv2 bn2 act2 drop2 flat fc ");
  CHECK(closed({"conv2", "bn2", "fc"}).empty());  // bn1 is trained below
  CHECK(still({"conv1.weight", "bn1.weight"}) == "conv1 ");
}

TEST_CASE("a frozen batch norm is folded into its convolution, and gives what evaluation gives") {
  for (const char* conv1 : {"bias: false", "bias: true", "bias: true, groups: 2"}) {
    CAPTURE(conv1);
    Network network(picture_network(conv1), {"**"});
    for (const char* node : {"bn1", "act1", "bn2", "act2"}) CHECK_FALSE(network.runs(node));
    CHECK(network.runs("conv1"));
    CHECK(test::norm_relative(network.output(Purpose::train), network.output(Purpose::evaluate)) <=
          1e-5);
  }
}

TEST_CASE("a batch norm is folded only where it and its convolution stay as they are") {
  CHECK(Network(picture_network(), {"conv1"}).runs("bn1"));
  CHECK(Network(picture_network(), {"bn1"}).runs("bn1"));
  CHECK(Network(picture_network(), {"conv1", "bn1.weight", "bn1.bias"}).runs("bn1"));
  CHECK_FALSE(Network(picture_network(), {"conv1", "bn1"}).runs("bn1"));
  // A gradient has to pass.
  CHECK(Network(picture_network(), {"conv2", "bn2"}).runs("bn2"));
}

TEST_CASE("frozen parts neither drop nor average, and others do") {
  Network all(picture_network(), {"conv1", "bn1", "conv2", "bn2", "fc"});
  CHECK(test::norm_relative(all.output(Purpose::train), all.output(Purpose::evaluate)) <= 1e-5);
  const std::vector<float> mean = all.values("bn1.running_mean");
  all.output(Purpose::train);
  CHECK(all.values("bn1.running_mean") == mean);

  Network head(picture_network(), {"**", "!fc"});  // drop2 is the head's
  CHECK(test::norm_relative(head.output(Purpose::train), head.output(Purpose::evaluate)) > 1e-2);

  Network statistics(picture_network(), {"conv1", "bn1.weight", "bn1.bias"});
  statistics.output(Purpose::train);
  CHECK(statistics.values("bn1.running_mean") != mean);
}

TEST_CASE("what is made of frozen weights is made once") {
  Network network(picture_network(), {"**"});
  const std::vector<float> before = network.output(Purpose::train);
  for (float& value : network.store.values(*network.store.find("conv1.weight"))) value *= 2;
  network.store.touch_trained();
  CHECK(network.output(Purpose::train) == before);
  network.store.touch();
  CHECK(network.output(Purpose::train) != before);

  Network trained(picture_network(), {"conv2"});
  const std::vector<float> first = trained.output(Purpose::train);
  for (float& value : trained.store.values(*trained.store.find("conv1.weight"))) value *= 2;
  trained.store.touch_trained();
  CHECK(test::norm_relative(trained.output(Purpose::train), first) > 0);
}

}  // namespace dl
