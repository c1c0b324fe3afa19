#include "engine/train/diagnostics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/train/updater.h"
#include "tests/support/network.h"

namespace dl {
namespace {

constexpr double kExact = 1e-12;

// Activations that are carried by conv, batch norm, linear and add, and some that are not; channel
// counts that blocked layouts pad.
constexpr const char* kConfig = R"(
model:
  input: [3, 8, 8]
  layers:
    - conv: {name: conv1, out_channels: 20, kernel_size: 3, padding: 1}
    - relu: {name: act1}
    - conv: {name: conv2, out_channels: 20, kernel_size: 3, padding: 1, bias: false}
    - batch_norm: {name: bn2}
    - relu: {name: act2}
    - add: {name: sum, from: [act2, act1]}
    - relu6: {name: act3}
    - swish: {name: act4}
    - flatten
    - linear: {name: fc1, out_features: 30}
    - tanh: {name: act5}
    - leaky_relu: {name: act6}
    - linear: {name: fc, out_features: 5}
data: {batch: 6, classes: 5}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1, momentum: 0.9, weight_decay: 0.01}}
train: {epochs: 1}
)";

const LayerDiagnosis& layer_of(const Diagnosis& diagnosis, const std::string& name) {
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    if (layer.layer == name) return layer;
  }
  FAIL("no layer ", name);
  std::abort();
}

std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

/// A network in training that is looked at in every step.
struct Network {
  Setup setup;
  WeightStore store;
  Programs programs;
  std::unique_ptr<Updater> updater;
  std::unique_ptr<Diagnostics> diagnostics;

  Network(const std::string& config, const std::vector<std::int64_t>& batches, bool looks = true)
      : setup(test::setup_of(config)), store(setup.graph), programs(setup.graph, store, looks) {
    test::fill_by_formula(store);
    // Some channels that relu never lets through, and one that it always does.
    for (const int channel : {0, 7, 19}) bias("conv1", channel) = -100;
    bias("conv1", 3) = 100;
    store.touch();
    for (const std::int64_t batch : batches) programs.add(Purpose::train, batch);
    programs.bind();
    updater =
        std::make_unique<Updater>(*setup.optimizer.optimizer, setup.slices, setup.config.train,
                                  store, static_cast<std::int64_t>(batches.size()));
    updater->reset_average();
    if (looks)
      diagnostics = std::make_unique<Diagnostics>(DiagnosticsConfig{}, setup.graph, store,
                                                  programs.probes(), programs.time_probes());
  }
  float& bias(const std::string& layer, int channel) {
    const StoredWeight* weight = store.find(layer + ".bias");
    static float nothing = 0;
    return weight ? store.values(*weight)[static_cast<std::size_t>(channel)] : nothing;
  }
  void run(std::int64_t batch, std::uint32_t salt) {
    Program& program = programs.get(Purpose::train, batch);
    program.run(test::FormulaBatch(setup.graph, batch, salt, 5).tensors(),
                {.diagnose = diagnostics != nullptr});
    const auto weight = static_cast<double>(batch);
    if (diagnostics) diagnostics->add_batch(program, weight);
    updater->add_batch(weight, true);
  }
};

/// What an activation gives for a batch in training, row-major: of a graph in which nothing is
/// fused and whose output it is.
std::vector<float> activation_values(const Network& network, const std::string& name,
                                     std::int64_t batch, std::uint32_t salt) {
  Graph graph = network.setup.graph;
  graph.output = {graph.find(name), 0};
  WeightStore store(graph);
  std::ranges::copy(const_cast<Network&>(network).store.flat(), store.flat().begin());
  store.touch();
  test::LoneProgram program(graph, store, Purpose::train, batch);
  program->run(test::FormulaBatch(graph, batch, salt, 5).tensors(), {});
  return copy(program->output());
}

/// Counts directly: `units` channels of `positions` elements each, batch by batch.
struct Counted {
  std::size_t units, positions;
  std::vector<std::size_t> flat = std::vector<std::size_t>(units);
  std::size_t elements = 0;

  void add(const std::vector<float>& values, float low, float high) {
    for (std::size_t i = 0; i < values.size(); ++i)
      flat[i / positions % units] += values[i] <= low || values[i] >= high;
    elements += values.size();
  }
  LayerActivity activity() const {
    double all = 0, dead = 0;
    for (const std::size_t count : flat) {
      all += static_cast<double>(count);
      dead += count == elements / units ? 1 : 0;
    }
    return {dead / static_cast<double>(units), all / static_cast<double>(elements)};
  }
};

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

void check_near(double found, double expected, double bound = kExact) {
  CHECK(std::abs(found - expected) <= bound * std::abs(expected));
}

}  // namespace

TEST_CASE("dead units and flat elements are those of the activations' values") {
  // Two batches make a step, the second one smaller: a unit is dead when it is so in both.
  Network network(kConfig, {6, 4});
  struct Activation {
    std::string name;
    std::size_t units, positions;
    float low, high;
  };
  constexpr float kNone = std::numeric_limits<float>::infinity();
  const float edge = std::sqrt(0.99F);
  const std::vector<Activation> activations = {{"act1", 20, 64, 0, kNone},
                                               {"act2", 20, 64, 0, kNone},
                                               {"act3", 20, 64, 0, 6},
                                               {"act5", 30, 1, -edge, edge}};
  std::vector<Counted> expected;
  for (const auto& [name, units, positions, low, high] : activations) {
    expected.push_back({units, positions});
    expected.back().add(activation_values(network, name, 6, 10), low, high);
    expected.back().add(activation_values(network, name, 4, 20), low, high);
  }
  network.run(6, 10);
  network.run(4, 20);
  const Diagnosis& found = network.diagnostics->finish(1, 1);
  for (std::size_t i = 0; i < activations.size(); ++i) {
    CAPTURE(activations[i].name);
    const auto& activity = layer_of(found, activations[i].name).activity;
    REQUIRE(activity.has_value());
    CHECK(activity->dead == expected[i].activity().dead);
    // Fused and apart, values may differ in the last bit, so one at an edge may count otherwise.
    CHECK(std::abs(activity->flat - expected[i].activity().flat) <= 1e-3);
  }
  CHECK(layer_of(found, "act1").activity->dead == doctest::Approx(3.0 / 20));
  CHECK(layer_of(found, "act1").activity->flat > 3.0 / 20);
  CHECK(layer_of(found, "act3").activity->flat > 1.0 / 20);  // channel 3 is clipped at 6
  CHECK(layer_of(found, "act4").activity->dead == 0);
  for (const LayerDiagnosis& layer : found.layers) CHECK(layer.layer != "act6");  // never flat
}

TEST_CASE("counts are of one step alone") {
  Network network(kConfig, {6});
  network.run(6, 10);
  const Diagnosis first = network.diagnostics->finish(1, 1);
  network.run(6, 10);
  const Diagnosis& second = network.diagnostics->finish(1, 2);
  CHECK(second.step == 2);
  CHECK(layer_of(second, "act1").activity->flat == layer_of(first, "act1").activity->flat);
  CHECK(layer_of(second, "act1").activity->dead == layer_of(first, "act1").activity->dead);
}

TEST_CASE("rows stand in the network's order, each layer once, and say what it is") {
  Network network(kConfig, {6});
  network.run(6, 10);
  std::string rows;
  for (const LayerDiagnosis& layer : network.diagnostics->finish(1, 1).layers) {
    rows += layer.layer + ":" + layer.type + (layer.norms ? ":norms" : "") +
            (layer.activity ? ":activity " : " ");
  }
  CHECK(rows ==
        "conv1:conv:norms act1:relu:activity conv2:conv:norms bn2:batch_norm:norms "
        "act2:relu:activity act3:relu6:activity act4:swish:activity fc1:linear:norms "
        "act5:tanh:activity fc:linear:norms ");
}

TEST_CASE("of sequences the features are the units, of series the channels") {
  const auto activity = [](const std::string& layers) {
    Network network("model:\n  input: [6, 10]\n  layers:\n" + layers +
                        "    - flatten\n    - linear: {name: fc, out_features: 5}\n"
                        "data: {batch: 4, classes: 5}\nloss: cross_entropy\n"
                        "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n",
                    {4});
    for (const std::string name : {"linear1", "conv1d"}) network.bias(name, 2) = -100;
    network.store.touch();
    network.run(4, 10);
    return layer_of(network.diagnostics->finish(1, 1), "act").activity->dead;
  };
  CHECK(activity("    - linear: {name: linear1, out_features: 8}\n    - relu: {name: act}\n") ==
        1.0 / 8);
  CHECK(
      activity("    - linear: {name: linear1, out_features: 8}\n    - layer_norm: {affine: false}\n"
               "    - relu: {name: act}\n") == 1.0 / 8);
  CHECK(activity("    - conv: {name: conv1d, out_channels: 16, kernel_size: 3}\n"
                 "    - relu: {name: act}\n") == 1.0 / 16);
}

TEST_CASE("norms are of the mean gradient before clipping, of the weights, and of their change") {
  for (const std::string clip : {"{}", "{norm: 0.01}", "{value: 1e-4}"}) {
    CAPTURE(clip);
    Network network(kConfig, {6, 4});
    network.updater.reset();
    network.setup = test::setup_of(kConfig, {"train.clip=" + clip, "train.ema={decay: 0.5}"});
    network.updater =
        std::make_unique<Updater>(*network.setup.optimizer.optimizer, network.setup.slices,
                                  network.setup.config.train, network.store, 2);
    network.updater->reset_average();
    std::vector<double> sum(network.store.flat().size());
    for (const auto& [batch, salt] :
         std::vector<std::pair<std::int64_t, std::uint32_t>>{{6, 10}, {4, 20}}) {
      network.run(batch, salt);
      const auto gradients = network.store.flat_gradients();
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += static_cast<double>(batch) / 10 * gradients[i];
    }
    const std::vector<float> before = copy(network.store.flat());
    REQUIRE(network.updater->update(0.1, 1, network.diagnostics.get()));
    const std::vector<float> after = copy(network.store.flat());
    const Diagnosis& found = network.diagnostics->finish(2, 7);
    CHECK(found.epoch == 2);
    CHECK(found.step == 7);
    for (const std::string layer : {"conv1", "conv2", "bn2", "fc1", "fc"}) {
      CAPTURE(layer);
      std::vector<double> gradient, weight, update;
      for (const StoredWeight& stored : network.store.weights()) {
        if (!stored.name.starts_with(layer + ".") || stored.statistic) continue;
        for (std::size_t i = stored.offset; i < stored.offset + stored.size; ++i) {
          gradient.push_back(sum[i]);
          weight.push_back(before[i]);
          update.push_back(static_cast<double>(after[i]) - before[i]);
        }
      }
      const auto& norms = layer_of(found, layer).norms;
      REQUIRE(norms.has_value());
      check_near(norms->gradient, norm(gradient), 1e-6);  // summed in float over the batches
      check_near(norms->weight, norm(weight));
      check_near(norms->update, norm(update));
      check_near(norms->ratio(), norm(update) / norm(weight));
      CHECK(norms->update > 0);
    }
  }
}

TEST_CASE("a gradient that is not finite is seen in its layer, and there is no update") {
  Network network(kConfig, {6});
  network.run(6, 10);
  network.store.gradient(*network.store.find("fc1.weight"))[0] =
      std::numeric_limits<float>::infinity();
  CHECK_FALSE(network.updater->update(0.1, 1, network.diagnostics.get()));
  const Diagnosis& found = network.diagnostics->finish(1, 1);
  CHECK_FALSE(std::isfinite(layer_of(found, "fc1").norms->gradient));
  CHECK(std::isfinite(layer_of(found, "fc").norms->gradient));
  CHECK(layer_of(found, "fc1").norms->update == 0);
}

TEST_CASE("weights that are frozen are in no norm") {
  const Setup setup = test::setup_of(kConfig);
  WeightStore store(setup.graph);
  store.freeze(std::vector<std::string>{"conv1.weight", "conv1.bias", "fc.bias"});
  test::fill_by_formula(store);
  Diagnostics looks({}, setup.graph, store, {}, {});
  looks.before_update(store.flat(), 1, store.flat());
  const Diagnosis& found = looks.finish(1, 1);
  CHECK(found.layers[0].layer == "conv2");
  std::vector<double> values;
  for (const float value : store.values(*store.find("fc.weight"))) values.push_back(value);
  check_near(layer_of(found, "fc").norms->weight, norm(values));
}

TEST_CASE("looking changes no bit of the training") {
  Network looked(kConfig, {6}), alone(kConfig, {6}, false);
  for (std::uint32_t step = 0; step < 5; ++step) {
    for (Network* network : {&looked, &alone}) {
      network->run(6, 10 + 2 * step);
      REQUIRE(network->updater->update(0.1, step + 1, network->diagnostics.get()));
    }
    looked.diagnostics->finish(1, step + 1);
    CHECK(looked.programs.get(Purpose::train, 6).loss(0).mean ==
          alone.programs.get(Purpose::train, 6).loss(0).mean);
  }
  CHECK(copy(looked.store.flat()) == copy(alone.store.flat()));
  CHECK(alone.programs.probes().empty());
}

TEST_CASE("the gradient of a sequence is told step by step") {
  // A relu that is on: each step back in time halves the gradient, and so does another's weight.
  Network network(R"(
data: {batch: 3, classes: 5}
model:
  input: [6, 1]
  layers:
    - linear: {name: positive, out_features: 1}
    - rnn: {name: rnn, hidden_size: 1, nonlinearity: relu, output: last}
    - linear: {name: fc, out_features: 5}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)",
                  {3});
  const auto set = [&](const char* name, float value) {
    std::ranges::fill(network.store.values(*network.store.find(name)), value);
  };
  set("positive.weight", 0.1F);
  set("positive.bias", 1);
  set("rnn.weight_ih_l0", 1);
  set("rnn.weight_hh_l0", 0.5F);
  set("rnn.bias_ih_l0", 0);
  set("rnn.bias_hh_l0", 0);
  network.store.touch();
  network.run(3, 10);
  const std::vector<double>& norms =
      layer_of(network.diagnostics->finish(1, 1), "rnn").gradient_by_time;
  REQUIRE(norms.size() == 6);
  CHECK(norms[5] > 1e-4);
  for (std::size_t t = 0; t + 1 < norms.size(); ++t)
    CHECK(norms[t] == doctest::Approx(norms[t + 1] / 2).epsilon(1e-5));
}

TEST_CASE("the gradient of a sequence is told where the sequence comes from the data") {
  for (const std::string type :
       {"rnn", "lstm", "gru", "gru: {variant: original, hidden_size: 4}"}) {
    CAPTURE(type);
    const bool whole = type.find(':') != std::string::npos;
    const std::string layer = whole ? type : type + ": {hidden_size: 4}";
    Network network("data: {batch: 3, classes: 5}\nmodel:\n  input: [6, 2]\n  layers: [" + layer +
                        ", flatten, linear: {out_features: 5}]\nloss: cross_entropy\n"
                        "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n",
                    {3});
    network.run(3, 10);
    const std::string name = layer.substr(0, layer.find(':')) + "1";
    const std::vector<double>& norms =
        layer_of(network.diagnostics->finish(1, 1), name).gradient_by_time;
    REQUIRE(norms.size() == 6);
    for (const double norm : norms) CHECK(norm > 0);
  }
}

TEST_CASE("the first step is looked at, and then every so many") {
  const Setup setup = test::setup_of(kConfig);
  const WeightStore store(setup.graph);
  const Diagnostics diagnostics({.every = 3, .mark = {}}, setup.graph, store, {}, {});
  std::string due;
  for (std::int64_t step = 1; step <= 10; ++step) due += diagnostics.due(step) ? 'x' : '.';
  CHECK(due == "x.x..x..x.");
  CHECK(Diagnostics({.every = 1, .mark = {}}, setup.graph, store, {}, {}).due(2));
}

}  // namespace dl
