#include "engine/config/merge.h"

#include <doctest/doctest.h>

#include "engine/config/yaml_file.h"
#include "tests/config/config_text.h"

namespace dl {
namespace {

ConfigNode parse(const std::string& text) {
  Problems problems;
  return parse_yaml(std::make_shared<SourceFile>("c.yaml", text), problems);
}

std::string merged_text(const std::string& base, const std::string& over) {
  return yaml_text(merged(parse(base), parse(over)));
}

std::string set_text(const std::string& base, const std::string& argument) {
  Problems problems;
  ConfigNode root = parse(base);
  apply_set(root, argument, problems);
  problems.throw_if_any();
  return yaml_text(root);
}

}  // namespace

TEST_CASE("maps merge, lists and scalars replace") {
  CHECK(
      merged_text("train: {epochs: 1, clip: {norm: 5}}", "train: {epochs: 2, clip: {value: 1}}") ==
      "train: {epochs: 2, clip: {norm: 5, value: 1}}\n");
  CHECK(merged_text("data: {transforms: {train: [a, b]}}", "data: {transforms: {train: [c]}}") ==
        "data: {transforms: {train: [c]}}\n");
  CHECK(merged_text("a: 1", "b: 2") == "a: 1\nb: 2\n");
}

TEST_CASE("where the type is the key another type replaces") {
  CHECK(merged_text("optimizer: {sgd: {lr: 1, momentum: 2}}", "optimizer: {sgd: {lr: 3}}") ==
        "optimizer: {sgd: {lr: 3, momentum: 2}}\n");
  CHECK(merged_text("optimizer: {sgd: {lr: 1}}", "optimizer: {adam: {lr: 3}}") ==
        "optimizer: {adam: {lr: 3}}\n");
  CHECK(merged_text("optimizer: {sgd: {lr: 1}}", "optimizer: adam") == "optimizer: {adam: ~}\n");
  CHECK(merged_text("optimizer: {sgd: {lr: 1}}", "optimizer: sgd") ==
        "optimizer: {sgd: {lr: 1}}\n");
  CHECK(merged_text("data: {source: {mnist: {path: x}}, batch: 3}",
                    "data: {source: {idx: {path: y}}}") ==
        "data: {source: {idx: {path: y}}, batch: 3}\n");
  CHECK(merged_text("loss: {mse: {weight: 2}}", "loss: cross_entropy") ==
        "loss: {cross_entropy: ~}\n");
}

TEST_CASE("a schedule's warm-up stays when its type is replaced, and the other way round") {
  const char* base = "schedule: {step: {every: 3}, warmup: {epochs: 1}}";
  CHECK(merged_text(base, "schedule: {cosine: {}}") ==
        "schedule: {warmup: {epochs: 1}, cosine: {}}\n");
  CHECK(merged_text(base, "schedule: {warmup: {steps: 9}}") ==
        "schedule: {step: {every: 3}, warmup: {epochs: 1, steps: 9}}\n");
  CHECK(merged_text(base, "schedule: {warmup: ~}") == "schedule: {step: {every: 3}}\n");
  CHECK(merged_text(base, "schedule: constant") ==
        "schedule: {warmup: {epochs: 1}, constant: ~}\n");
}

TEST_CASE("a null takes an inherited key away, but says 'required' in a block's params") {
  CHECK(merged_text("train: {ema: {decay: 0.9}, epochs: 1}", "train: {ema: ~}") ==
        "train: {epochs: 1}\n");
  CHECK(merged_text("blocks: {b: {params: {x: 1}}}", "blocks: {b: {params: {x: ~}}}") ==
        "blocks: {b: {params: {x: ~}}}\n");
}

TEST_CASE("--set reaches into maps and lists and makes what is missing") {
  CHECK(set_text("train: {epochs: 1}", "train.epochs=20") == "train: {epochs: 20}\n");
  CHECK(set_text("train: {epochs: 1}", "train.clip.norm=5") ==
        "train: {epochs: 1, clip: {norm: 5}}\n");
  CHECK(set_text("a: 1", "train.clip={norm: 5}") == "a: 1\ntrain: {clip: {norm: 5}}\n");
  CHECK(set_text("optimizer: {sgd: {lr: 1}}", "optimizer.sgd.lr=1e-4") ==
        "optimizer: {sgd: {lr: 1e-4}}\n");
  CHECK(set_text("optimizer: sgd", "optimizer.sgd.lr=2") == "optimizer: {sgd: {lr: 2}}\n");
  CHECK(set_text("optimizer: {sgd: {lr: 1}}", "optimizer.adam.lr=2") ==
        "optimizer: {adam: {lr: 2}}\n");
  CHECK(set_text("optimizer: {sgd: {lr: 1}}", "optimizer=adam") == "optimizer: {adam: ~}\n");
  CHECK(set_text("schedule: {step: {every: 1}, warmup: {epochs: 1}}", "schedule.cosine={}") ==
        "schedule: {warmup: {epochs: 1}, cosine: {}}\n");
  CHECK(set_text("model: {layers: [relu, conv: {kernel_size: 3}]}",
                 "model.layers.1.conv.kernel_size=5") ==
        "model: {layers: [relu, {conv: {kernel_size: 5}}]}\n");
  CHECK(set_text("model: {layers: [relu, conv: {kernel_size: 3}]}", "model.layers.1=tanh") ==
        "model: {layers: [relu, {tanh: ~}]}\n");
  CHECK(set_text("data: {transforms: {train: [normalize: {mean: [1, 2]}]}}",
                 "data.transforms.train.0.normalize.mean.1=5") ==
        "data: {transforms: {train: [{normalize: {mean: [1, 5]}}]}}\n");
  CHECK(set_text("train: {ema: {decay: 1}, epochs: 1}", "train.ema=~") == "train: {epochs: 1}\n");
  CHECK(set_text("name: a", "name=x=y") == "name: \"x=y\"\n");
  CHECK(set_text("data: {source: {idx: {path: a}}}", "data.source.idx.path=@data/mnist") ==
        "data: {source: {idx: {path: \"@data/mnist\"}}}\n");
}

TEST_CASE("a value of --set is told by its place in the argument") {
  CHECK(error_of(around("    - relu\n"), {.sets = {"train.epochs=many"}}) ==
        "--set:1:14: error: train: epochs: expected an int, found 'many'\n   1 | "
        "train.epochs=many\n     |              ^~~~");
}

TEST_CASE("extends puts a file over others, whose paths are relative to the file they stand in") {
  WorkFolder folder;
  WorkFolder::write(
      "parts/deep/blocks.yaml",
      "vars: {width: 4, rests: 1}\nblocks: {b: {layers: [linear: {out_features: $width}]}}\n");
  WorkFolder::write("parts/base.yaml",
                    "extends: deep/blocks.yaml\nmodel: {layers: [b]}\nloss: mse\noptimizer: {sgd: "
                    "{lr: 1, momentum: 0.5}}\ntrain: {epochs: 3}\n");
  WorkFolder::write("parts/fast.yaml", "train: {epochs: 1, max_steps: 5}\n");
  WorkFolder::write(
      "c.yaml",
      "extends: [parts/base.yaml, parts/fast.yaml]\nvars: {width: 8}\noptimizer: {sgd: {lr: 2}}\n");
  const RunConfig config = load_config({.path = "c.yaml"});
  CHECK(layer_line(config.model.layers[0]) == "linear b1 <- input {out_features: 8}");
  CHECK(config.train.epochs == 1);
  CHECK(config.train.max_steps == 5);
  CHECK(config.optimizer.params.find("lr")->text() == "2");
  CHECK(config.optimizer.params.find("momentum")->text() == "0.5");
  CHECK(config.files == std::vector<std::string>{"c.yaml", "parts/base.yaml",
                                                 "parts/deep/blocks.yaml", "parts/fast.yaml"});
  CHECK(config.given_text.starts_with("extends: [parts/base.yaml"));
}

TEST_CASE("one file may be extended along two ways, but not along a circle or over 16 deep") {
  WorkFolder folder;
  WorkFolder::write("base.yaml", around("    - relu\n"));
  WorkFolder::write("a.yaml", "extends: base.yaml\n");
  WorkFolder::write("b.yaml", "extends: base.yaml\n");
  WorkFolder::write("c.yaml", "extends: [a.yaml, b.yaml]\n");
  CHECK_NOTHROW(load_config({.path = "c.yaml"}));
  WorkFolder::write("self.yaml", "extends: ./self.yaml\n");
  CHECK_THROWS_AS(load_config({.path = "self.yaml"}), UserError);
  for (int i = 0; i < 20; ++i)
    WorkFolder::write("d" + std::to_string(i) + ".yaml",
                      "extends: d" + std::to_string(i + 1) + ".yaml\n");
  WorkFolder::write("d20.yaml", around("    - relu\n"));
  CHECK_THROWS_AS(load_config({.path = "d0.yaml"}), UserError);
}

}  // namespace dl
