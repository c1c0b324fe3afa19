#include "engine/plan/program.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/network.h"

namespace dl {
namespace {

constexpr std::int64_t kBatch = 6;

Setup small_network() {
  return test::setup_of(R"(
model:
  input: [2, 8, 8]
  layers:
    - conv: {name: conv1, out_channels: 8, kernel_size: 3, padding: 1, bias: false}
    - batch_norm: {name: bn1}
    - relu: {name: act}
    - conv: {name: conv2, out_channels: 8, kernel_size: 3, padding: 1}
    - add: {name: sum, from: [conv2, act]}
    - max_pool: {kernel_size: 2}
    - flatten
    - linear: {name: fc, out_features: 5}
data: {batch: 6, classes: 5}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
}

std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

/// Plain descent, so that these tests need no optimiser.
void descend(WeightStore& store) {
  for (const StoredWeight& weight : store.weights()) {
    if (!weight.trainable()) continue;
    for (std::size_t i = 0; i < weight.size; ++i)
      store.values(weight)[i] -= 0.05F * store.gradient(weight)[i];
  }
  store.touch();
}

struct Network {
  Setup setup = small_network();
  WeightStore store{setup.graph};
  Programs programs{setup.graph, store};

  explicit Network(const std::vector<std::pair<Purpose, std::int64_t>>& wanted) {
    test::fill_by_formula(store);
    for (const auto& [purpose, batch] : wanted) programs.add(purpose, batch);
    programs.bind();
  }
  Program& run(Purpose purpose, std::int64_t batch, std::uint32_t salt) {
    Program& program = programs.get(purpose, batch);
    program.run(test::FormulaBatch(setup.graph, batch, salt, 5).tensors(), {});
    return program;
  }
};

}  // namespace

TEST_CASE("programs that share an arena do what they do apart") {
  Network shared({{Purpose::train, kBatch},
                  {Purpose::evaluate, 2 * kBatch},
                  {Purpose::train, 2},
                  {Purpose::predict, 1}});
  Network alone({{Purpose::train, kBatch}});
  for (std::uint32_t step = 0; step < 5; ++step) {
    shared.run(Purpose::evaluate, 2 * kBatch, 900 + step);
    shared.run(Purpose::predict, 1, 950 + step);
    const float loss = shared.run(Purpose::train, kBatch, 10 + 2 * step).loss(0).mean;
    CHECK(loss == alone.run(Purpose::train, kBatch, 10 + 2 * step).loss(0).mean);
    descend(shared.store);
    descend(alone.store);
  }
  CHECK(copy(shared.store.flat()) == copy(alone.store.flat()));
  CHECK(shared.programs.arena_bytes() ==
        std::max({shared.programs.get(Purpose::train, kBatch).arena_bytes(),
                  shared.programs.get(Purpose::evaluate, 2 * kBatch).arena_bytes()}));
}

TEST_CASE("an evaluation program sees every update of the weights") {
  Network network({{Purpose::train, kBatch}, {Purpose::evaluate, kBatch}});
  const std::vector<float> before = copy(network.run(Purpose::evaluate, kBatch, 10).output());
  for (int step = 0; step < 3; ++step) {
    network.run(Purpose::train, kBatch, 10);
    descend(network.store);
    Network fresh({{Purpose::evaluate, kBatch}});
    std::ranges::copy(network.store.flat(), fresh.store.flat().begin());
    fresh.store.touch();
    const std::vector<float> expected = copy(fresh.run(Purpose::evaluate, kBatch, 10).output());
    const std::vector<float> found = copy(network.run(Purpose::evaluate, kBatch, 10).output());
    CHECK(found == expected);
    CHECK(test::norm_relative(found, before) > 1e-3);
  }
}

TEST_CASE("evaluation uses the running statistics that the last training step left") {
  Network network({{Purpose::train, kBatch}, {Purpose::evaluate, kBatch}});
  const std::vector<float> before = copy(network.run(Purpose::evaluate, kBatch, 10).output());
  network.run(Purpose::train, kBatch, 10);  // no update: only the statistics change
  Network fresh({{Purpose::evaluate, kBatch}});
  std::ranges::copy(network.store.flat(), fresh.store.flat().begin());
  fresh.store.touch();
  const std::vector<float> expected = copy(fresh.run(Purpose::evaluate, kBatch, 10).output());
  const std::vector<float> found = copy(network.run(Purpose::evaluate, kBatch, 10).output());
  CHECK(test::norm_relative(found, expected) <= 1e-6);
  CHECK(test::norm_relative(found, before) > 1e-3);
}

TEST_CASE("a partial batch gives each sample what a whole one gives it") {
  Network network({{Purpose::evaluate, kBatch}, {Purpose::evaluate, 1}, {Purpose::evaluate, 4}});
  const std::vector<float> whole = copy(network.run(Purpose::evaluate, kBatch, 10).output());
  for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{4}}) {
    // The formula counts elements, so a smaller batch is the beginning of the larger one.
    Program& program = network.run(Purpose::evaluate, batch, 10);
    const std::vector<float> part(whole.begin(), whole.begin() + 5 * batch);
    CHECK(program.output_shape() == Shape{batch, 5});
    CHECK(test::norm_relative(program.output(), part) <= 1e-5);
    CHECK(program.loss(0).count == static_cast<float>(batch));
  }
}

TEST_CASE("losses of partial batches, weighted by their counts, are the loss of the whole") {
  Network network({{Purpose::evaluate, kBatch}, {Purpose::evaluate, 4}, {Purpose::evaluate, 2}});
  const test::FormulaBatch data(network.setup.graph, kBatch, 10, 5);
  const float whole = network.run(Purpose::evaluate, kBatch, 10).loss(0).mean;
  Program& first = network.programs.get(Purpose::evaluate, 4);
  first.run(data.tensors(), {});
  const auto head = first.loss(0);
  const std::vector<const void*> rest = {
      static_cast<const float*>(data.tensors()[0]) + 4 * 2 * 8 * 8,
      static_cast<const std::int32_t*>(data.tensors()[1]) + 4};
  Program& second = network.programs.get(Purpose::evaluate, 2);
  second.run(rest, {});
  const auto tail = second.loss(0);
  const float mean = (head.mean * head.count + tail.mean * tail.count) / (head.count + tail.count);
  CHECK(mean == doctest::Approx(whole).epsilon(1e-5));
}

TEST_CASE("losses and predictions survive the backward pass") {
  // Without batch norm training's predictions are evaluation's, so the two can be compared.
  const Setup setup = test::setup_of(R"(
model:
  input: [40]
  layers:
    - linear: {name: fc1, out_features: 40}
    - tanh
    - linear: {name: fc2, out_features: 40}
    - tanh
    - linear: {name: fc3, out_features: 5}
data: {batch: 6, classes: 5}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  test::LoneProgram train(setup.graph, store, Purpose::train, kBatch);
  test::LoneProgram evaluate(setup.graph, store, Purpose::evaluate, kBatch);
  const test::FormulaBatch data(setup.graph, kBatch, 10, 5);
  train->run(data.tensors(), {});
  evaluate->run(data.tensors(), {});
  CHECK(test::norm_relative(train->output(), evaluate->output()) <= 1e-6);
  CHECK(train->loss(0).mean == doctest::Approx(evaluate->loss(0).mean).epsilon(1e-6));
  CHECK(train->loss(0).count == kBatch);
}

TEST_CASE("the same step twice gives the same bytes") {
  Network network({{Purpose::train, kBatch}});
  network.run(Purpose::train, kBatch, 10);
  const std::vector<float> first = copy(network.store.flat_gradients());
  network.run(Purpose::train, kBatch, 20);  // another batch between them
  CHECK(copy(network.store.flat_gradients()) != first);
  network.run(Purpose::train, kBatch, 10);
  CHECK(copy(network.store.flat_gradients()) == first);
}

TEST_CASE("a program is recorded once for a purpose and a batch") {
  const Setup setup = small_network();
  WeightStore store(setup.graph);
  Programs programs(setup.graph, store);
  programs.add(Purpose::train, kBatch);
  const std::size_t persistent = programs.persistent_bytes();
  programs.add(Purpose::train, kBatch);
  CHECK(programs.persistent_bytes() == persistent);
  programs.add(Purpose::evaluate, kBatch);
  CHECK(programs.persistent_bytes() > persistent);
}

}  // namespace dl
