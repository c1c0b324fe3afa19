#include "engine/config/flat_config.h"

#include <doctest/doctest.h>

#include "engine/config/yaml_file.h"
#include "tests/config/config_text.h"

namespace dl {
namespace {

ConfigNode parse(const std::string& text) {
  Problems problems;
  return parse_yaml(std::make_shared<SourceFile>("c.yaml", text), problems);
}

FlatConfig flat(const std::string& text, const std::string& vars = "~") {
  return flat_config(parse(text), parse(vars));
}

std::string text_of(const std::vector<FlatConfig::Row>& rows) {
  std::string text;
  for (const FlatConfig::Row& row : rows) text += row.key + " = " + row.value + "\n";
  return text;
}

/// "key: a | - | c", a line each; "(7)" behind a key that stands for so many layers.
std::string differences(const std::vector<std::optional<FlatConfig>>& configs) {
  std::string text;
  for (const ConfigDifference& difference : config_differences(configs)) {
    text += difference.key;
    if (difference.layers > 0) text += " (" + std::to_string(difference.layers) + ")";
    std::string separator = ": ";
    for (const auto& value : difference.values) {
      text += separator + value.value_or("-");
      separator = " | ";
    }
    text += "\n";
  }
  return text;
}

FlatConfig network(const std::string& layers) { return flat("model: {layers: [" + layers + "]}"); }

}  // namespace

TEST_CASE("a config is flat by dotted keys; where the type is the key it is a value too") {
  CHECK(text_of(flat(R"(
name: net
data:
  source: {mnist: {path: '@data/mnist'}}
  batch: 64
  transforms: {train: [random_crop: {padding: 4}, random_flip, normalize: {mean: [0.1, 0.2]}]}
loss:
  - cross_entropy: {name: cross_entropy, weight: 1}
  - cross_entropy: {name: aux, weight: 0.3}
optimizer: {sgd: {lr: 0.1, lr_mult: {'**.bias': 2}}}
schedule: {cosine: {by: step}, warmup: {epochs: 1}}
train: {epochs: 3, ema: {}}
)",
                     "{n: 3, sizes: [1, 2]}")
                    .rows) ==
        "vars.n = 3\n"
        "vars.sizes = [1, 2]\n"
        "name = net\n"
        "data.source = mnist\n"
        "data.source.mnist.path = @data/mnist\n"
        "data.batch = 64\n"
        "data.transforms.train = random_crop, random_flip, normalize\n"
        "data.transforms.train.random_crop.padding = 4\n"
        "data.transforms.train.normalize.mean = [0.1, 0.2]\n"
        "loss = cross_entropy, cross_entropy\n"
        "loss.cross_entropy.weight = 1\n"
        "loss.aux = cross_entropy\n"
        "loss.aux.weight = 0.3\n"
        "optimizer = sgd\n"
        "optimizer.sgd.lr = 0.1\n"
        "optimizer.sgd.lr_mult.**.bias = 2\n"
        "schedule = cosine\n"
        "schedule.cosine.by = step\n"
        "schedule.warmup.epochs = 1\n"
        "train.epochs = 3\n"
        "train.ema = {}\n");
}

TEST_CASE("layers are kept apart, by their names") {
  const FlatConfig config = network(
      "conv: {name: conv1, from: input, out_channels: 4, weight_init: {normal: {std: 0.1}}}, "
      "relu: {name: relu1, from: conv1}");
  CHECK(config.rows.empty());
  CHECK(config.layers == std::vector<std::string>{"conv1", "relu1"});
  CHECK(text_of(config.layer_rows) ==
        "conv1 = conv\nconv1 from = input\nconv1 out_channels = 4\n"
        "conv1 weight_init = {normal: {std: 0.1}}\nrelu1 = relu\nrelu1 from = conv1\n");
}

TEST_CASE("only what differs is told, and numbers are compared as numbers") {
  CHECK(differences({flat("seed: 1\ntrain: {epochs: 3}\noptimizer: {sgd: {lr: 0.1}}"),
                     flat("seed: 1\ntrain: {epochs: 3}\noptimizer: {sgd: {lr: 1e-1}}")}) == "");
  CHECK(differences({flat("seed: 1\ntrain: {epochs: 3, ema: {decay: 0.9}}"),
                     flat("seed: 2\ntrain: {epochs: 3}"), flat("seed: 1\ntrain: {epochs: 4}")}) ==
        "seed: 1 | 2 | 1\ntrain.epochs: 3 | 3 | 4\ntrain.ema.decay: 0.9 | - | -\n");
}

TEST_CASE("keys stand in the order of the configs, a new one behind the one before it") {
  CHECK(
      differences({flat("optimizer: {sgd: {lr: 1}}\nschedule: cosine\ntrain: {epochs: 3}"),
                   flat("optimizer: {adam: {lr: 2, eps: 3}}\ntrain: {epochs: 4, max_steps: 5}")}) ==
      "optimizer: sgd | adam\noptimizer.adam.lr: - | 2\noptimizer.adam.eps: - | 3\n"
      "optimizer.sgd.lr: 1 | -\nschedule: cosine | -\ntrain.epochs: 3 | 4\n"
      "train.max_steps: - | 5\n");
}

TEST_CASE("one transform more does not make the others differ") {
  CHECK(differences(
            {flat("data: {transforms: {train: [normalize: {mean: 1}]}}"),
             flat("data: {transforms: {train: [random_flip, normalize: {mean: 1}]}}"),
             flat("data: {transforms: {train: [normalize: {mean: 1}, normalize: {mean: 2}]}}")}) ==
        "data.transforms.train: normalize | random_flip, normalize | normalize, normalize\n"
        "data.transforms.train.normalize#2: - | - | normalize\n"
        "data.transforms.train.normalize#2.mean: - | - | 2\n");
}

TEST_CASE("layers that differ alike are one row") {
  const auto wide = [](const std::string& width, const std::string& kernel) {
    return network("conv: {name: a.conv1, out_channels: " + width +
                   ", kernel_size: 3}, conv: {name: conv2, out_channels: " + width +
                   ", kernel_size: " + kernel + "}, relu: {name: r}");
  };
  CHECK(differences({wide("4", "3"), wide("8", "5")}) ==
        "model.a.conv1.out_channels (2): 4 | 8\nmodel.conv2.kernel_size (1): 3 | 5\n");
  CHECK(differences({network("relu: {name: act1}, relu: {name: act2}"),
                     network("tanh: {name: act1}, relu: {name: act2}")}) ==
        "model.act1 (1): relu | tanh\n");
}

TEST_CASE("networks of different layers are told by their sizes") {
  CHECK(differences({network("relu: {name: r}"), network("relu: {name: r}, tanh: {name: t}"),
                     network("relu: {name: r}")}) ==
        "model.layers: 1 layers | 2 layers | 1 layers\n");
  CHECK(differences({network("relu: {name: r}, tanh: {name: t}"),
                     network("relu: {name: r}, relu: {name: r2}")}) ==
        "model.layers: 2 layers, no. 2 is t | 2 layers, no. 2 is r2\n");
}

TEST_CASE("a config that is not there is in no difference") {
  CHECK(differences({flat("seed: 1"), std::nullopt, flat("seed: 2")}) == "seed: 1 | - | 2\n");
  CHECK(differences({flat("seed: 1"), std::nullopt}) == "");
  CHECK(differences({}) == "");
}

TEST_CASE("what a run keeps of two configs tells their difference") {
  const std::string text =
      around("    - repeat: $n\n      name: stack\n      layers: [relu]\n", "vars: {n: 3}\n");
  const auto kept = [&](const std::vector<std::string>& sets) {
    const RunConfig config = load_text(text, {.sets = sets});
    return flat(config.resolved_text, config.vars_text);
  };
  CHECK(differences({kept({}), kept({"vars.n=5", "optimizer.sgd.lr=0.2"})}) ==
        "vars.n: 3 | 5\noptimizer.sgd.lr: 0.1 | 0.2\nmodel.layers: 3 layers | 5 layers\n");
}

}  // namespace dl
