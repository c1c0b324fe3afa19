#include "engine/config/run_config.h"

#include <doctest/doctest.h>

#include "tests/config/config_text.h"

namespace dl {
namespace {

constexpr char kResnet[] = R"(
version: 1
name: resnet
seed: 7
vars: {n: 2, width: 16, act: relu}
data:
  source: {cifar10: {path: '@data/cifar10'}}
  batch: 128
  split: {valid: 5000}
  transforms:
    train: [random_crop: {padding: 4}, random_flip]
    eval: [normalize: {mean: [0.5], std: [1]}]
blocks:
  basic:
    params: {channels: ~, stride: 1, project: false}
    layers:
      - conv: {name: conv1, out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, bias: false}
      - batch_norm: {name: bn1}
      - activation: {fn: $act}
      - if: $project
        name: shortcut
        from: input
        layers:
          - conv: {name: '0', out_channels: $channels, kernel_size: 1, stride: $stride, bias: false}
          - batch_norm: {name: '1'}
      - add: {from: [bn1, shortcut]}
      - activation: {fn: $act}
model:
  input: [3, 32, 32]
  layers:
    - conv: {name: conv1, out_channels: $width, kernel_size: 3, padding: 1, bias: false}
    - repeat: $n
      name: layer1
      layers:
        - basic: {channels: $(2*width), stride: $(2 if i == 0 else 1), project: $(i == 0)}
    - global_avg_pool
    - linear: {name: fc, out_features: $data.classes}
  output: fc
loss:
  - cross_entropy: {from: fc}
  - cross_entropy: {from: layer1.1, weight: 0.3, train_only: true, label_smoothing: 0.1}
optimizer: {sgd: {lr: 0.1, no_decay: ['**.bias']}}
schedule: {multistep: {epochs: [82, 123], gamma: 0.1}, warmup: {epochs: 1}}
train: {epochs: 164, clip: {norm: 5}, ema: {decay: 0.99}, effective_batch: 256, threads: auto, precision: f32,
        monitor: valid/top1, stop: {patience: 10}, checkpoint: {every: {epochs: 1}, keep: 3}, on_nonfinite: skip}
diagnostics: {every: 50}
)";

DataFacts ten_classes(const TypedNode& source, const std::string& key) {
  CHECK(source.type == "cifar10");
  CHECK(key == "classes");
  return {10, std::nullopt};
}

std::string layers_text(const RunConfig& config) {
  std::string all;
  for (const LayerDecl& layer : config.model.layers) all += layer_line(layer) + "\n";
  return all;
}

}  // namespace

TEST_CASE("the design's example expands to a residual network") {
  const RunConfig config = load_text(kResnet, {.data_facts = ten_classes});
  CHECK(layers_text(config) ==
        "conv conv1 <- input {out_channels: 16, kernel_size: 3, padding: 1, bias: false}\n"
        "conv layer1.0.conv1 <- conv1 {out_channels: 32, kernel_size: 3, stride: 2, padding: 1, "
        "bias: false}\n"
        "batch_norm layer1.0.bn1 <- layer1.0.conv1 {}\n"
        "activation layer1.0.activation1 <- layer1.0.bn1 {fn: relu}\n"
        "conv layer1.0.shortcut.0 <- conv1 {out_channels: 32, kernel_size: 1, stride: 2, bias: "
        "false}\n"
        "batch_norm layer1.0.shortcut.1 <- layer1.0.shortcut.0 {}\n"
        "add layer1.0.add1 <- layer1.0.bn1 layer1.0.shortcut.1 {}\n"
        "activation layer1.0.activation2 <- layer1.0.add1 {fn: relu}\n"
        "conv layer1.1.conv1 <- layer1.0.activation2 {out_channels: 32, kernel_size: 3, stride: 1, "
        "padding: 1, bias: false}\n"
        "batch_norm layer1.1.bn1 <- layer1.1.conv1 {}\n"
        "activation layer1.1.activation1 <- layer1.1.bn1 {fn: relu}\n"
        "add layer1.1.add1 <- layer1.1.bn1 layer1.0.activation2 {}\n"
        "activation layer1.1.activation2 <- layer1.1.add1 {fn: relu}\n"
        "global_avg_pool global_avg_pool1 <- layer1.1.activation2 {}\n"
        "linear fc <- global_avg_pool1 {out_features: 10}\n");
}

TEST_CASE("every section of the design's example is read into its fields") {
  const RunConfig config = load_text(kResnet, {.data_facts = ten_classes});
  CHECK(config.name == "resnet");
  CHECK(config.seed == 7);
  CHECK(config.data.source->type == "cifar10");
  CHECK(config.data.batch == 128);
  CHECK(config.data.split.valid.amount == 5000);
  REQUIRE(config.data.train_transforms.size() == 2);
  CHECK(config.data.train_transforms[1].type == "random_flip");
  CHECK(config.model.input == std::vector<std::int64_t>{3, 32, 32});
  CHECK(config.model.output->name == "fc");
  REQUIRE(config.losses.size() == 2);
  CHECK(config.losses[0].name == "cross_entropy");
  CHECK(config.losses[1].name == "cross_entropy2");
  CHECK(config.losses[1].from.name == "layer1.1.activation2");
  CHECK(config.losses[1].weight == 0.3f);
  CHECK(config.losses[1].train_only);
  CHECK(config.losses[1].kind.params.entries().size() == 1);
  CHECK(config.optimizer.type == "sgd");
  CHECK(config.schedule.type == "multistep");
  CHECK(config.warmup->find("epochs")->text() == "1");
  CHECK(config.train.epochs == 164);
  CHECK(config.train.clip.norm == 5.0f);
  CHECK_FALSE(config.train.clip.value.has_value());
  CHECK(config.train.ema->decay == 0.99);
  CHECK(config.train.effective_batch == 256);
  CHECK(config.train.threads.count == 0);
  CHECK(config.train.monitor == "valid/top1");
  CHECK(config.train.stop->patience == 10);
  CHECK(config.train.checkpoint.every.epochs == 1);
  CHECK(config.train.on_nonfinite == OnNonfinite::skip);
  REQUIRE(config.diagnostics.has_value());
  CHECK(config.diagnostics->every == 50);
}

TEST_CASE("a resolved config loads again to the same config") {
  const RunConfig config = load_text(kResnet, {.data_facts = ten_classes});
  const RunConfig again = load_text(config.resolved_text);
  CHECK(again.resolved_text == config.resolved_text);
  CHECK(layers_text(again) == layers_text(config));
  CHECK(again.losses[1].from.name == config.losses[1].from.name);
  CHECK(again.train.effective_batch == config.train.effective_batch);
  CHECK(again.diagnostics->every == 50);
}

TEST_CASE("the values of the vars are kept beside the resolved config, which has none") {
  const RunConfig config =
      load_text(around("    - conv: {out_channels: $w, kernel_size: $sizes}\n",
                       "vars: {n: 3, w: $(n * 4), sizes: ['1', 2]}\ndata: {batch: $n}\n"));
  CHECK(config.vars_text == "n: 3\nw: 12\nsizes: [\"1\", 2]\n");
  CHECK(config.resolved_text.find("vars") == std::string::npos);
  CHECK(load_text(config.resolved_text).vars_text.empty());
}

TEST_CASE("diagnostics are off unless said, and their default is every 100 steps") {
  CHECK_FALSE(load_text(around("    - relu\n")).diagnostics.has_value());
  CHECK(load_text(around("    - relu\n", "diagnostics: {}\n")).diagnostics->every == 100);
  const RunConfig off =
      load_text(around("    - relu\n", "diagnostics: {every: 5}\n"), {.sets = {"diagnostics=~"}});
  CHECK_FALSE(off.diagnostics.has_value());
  CHECK(off.resolved_text.find("diagnostics") == std::string::npos);
}

TEST_CASE("what is not written has its default") {
  const RunConfig config = load_text(around("    - relu\n"));
  CHECK(config.name == "c");  // of the file
  CHECK(config.seed == 1);
  CHECK(config.data.batch == 32);
  CHECK(config.data.drop_last);
  CHECK_FALSE(config.data.source.has_value());
  CHECK_FALSE(config.model.input.has_value());
  CHECK_FALSE(config.model.output.has_value());
  CHECK(config.losses[0].from.name.empty());
  CHECK(config.losses[0].target.name.empty());
  CHECK(config.schedule.type == "constant");
  CHECK_FALSE(config.warmup.has_value());
  CHECK_FALSE(config.train.ema.has_value());
  CHECK_FALSE(config.train.stop.has_value());
  CHECK(config.train.checkpoint.keep == 3);
}

TEST_CASE(
    "the source is asked for its classes only when an expression needs them and they are not "
    "written") {
  int asked = 0;
  const auto facts = [&](const TypedNode& source, const std::string&) {
    ++asked;
    CHECK(source.params.find("path")->text() == "a/b");
    return DataFacts{10, 65};
  };
  const std::string source = "vars: {p: a}\ndata:\n  source: {idx: {path: $p/b}}\n";
  load_text(around("    - relu\n", source), {.data_facts = facts});
  CHECK(asked == 0);
  const RunConfig config = load_text(around("    - linear: {out_features: $data.classes}\n    - "
                                            "linear: {out_features: $(data.vocabulary + 1)}\n",
                                            source),
                                     {.data_facts = facts});
  CHECK(asked == 1);
  CHECK(layer_line(config.model.layers[1]) == "linear linear2 <- linear1 {out_features: 66}");
  const RunConfig written = load_text(
      around("    - linear: {out_features: $data.classes}\n", source + "  classes: $(2 * 4)\n"),
      {.data_facts = facts});
  CHECK(asked == 1);
  CHECK(written.data.classes == 8);
  CHECK(layer_line(written.model.layers[0]) == "linear linear1 <- input {out_features: 8}");
}

TEST_CASE("a source completes its entry in the resolved config, once the config is right") {
  int asked = 0;
  const auto complete = [&](TypedNode& source, const std::vector<LossDecl>& losses) {
    CHECK(losses.size() == 1);
    ++asked;
    CHECK(source.type == "idx");
    if (source.params.find("classes")) return;
    const Mark mark = source.type_mark;
    source.params.entries().push_back(
        {"classes", mark,
         ConfigNode::list(
             {ConfigNode::scalar("$a b", mark, true), ConfigNode::scalar("7", mark, true)}, mark)});
  };
  const std::string data = "data: {source: {idx: {path: a}}, batch: 3}\n";
  const RunConfig config = load_text(around("    - relu\n", data), {.complete_source = complete});
  CHECK(asked == 1);
  CHECK(config.data.source->params.find("classes")->items()[0].text() == "$a b");
  const RunConfig again = load_text(config.resolved_text, {.complete_source = complete});
  CHECK(asked == 2);
  CHECK(again.resolved_text == config.resolved_text);
  const ConfigNode* classes = again.data.source->params.find("classes");
  REQUIRE(classes);
  CHECK(classes->items()[0].text() == "$a b");
  CHECK(classes->items()[1].quoted());
  CHECK_THROWS_AS(
      load_text(around("    - relu\n", data + "trian: 1\n"), {.complete_source = complete}),
      UserError);
  CHECK(asked == 2);
}

TEST_CASE("data that cannot be read keeps its own exit code, unless the config is wrong too") {
  const auto fails = [](const TypedNode&, const std::string&) -> DataFacts {
    throw UserError(ExitCode::data, "no such file");
  };
  const std::string config =
      around("    - linear: {out_features: $data.classes}\n", "data: {source: mnist}\n");
  const auto code = [&](const std::string& text) {
    try {
      load_text(text, {.data_facts = fails});
    } catch (const UserError& error) {
      return error.code();
    }
    return ExitCode::finished;
  };
  CHECK(code(config) == ExitCode::data);
  CHECK(code(config + "tain: 3\n") == ExitCode::config);
}

TEST_CASE("a part of the samples is held out as a number or as a fraction") {
  const auto held_out = [](const std::string& amount) {
    return load_text(around("    - relu\n", "data: {split: {valid: " + amount + "}}\n"))
        .data.split.valid;
  };
  CHECK(held_out("500").amount == 500);
  CHECK(held_out("0.1").amount == 0.1);
  CHECK(held_out("0").amount == 0);
  CHECK(held_out("1").amount == 1);
}

TEST_CASE("texts of every kind survive the resolved config") {
  const std::string text = around(
      "    - relu: {a: '1', b: 'true', c: '~', d: 'x: y', e: \"q\\\"\\n\\x01\\u0085\", f: $$(n), "
      "g: '', h: null, i: [1e-4, -3, .inf], j: {k: {}}, l: '- x', m: '# x', n: 'é'}\n");
  const RunConfig config = load_text(text);
  const RunConfig again = load_text(config.resolved_text);
  CHECK(again.resolved_text == config.resolved_text);
  const ConfigNode& params = again.model.layers[0].params;
  for (const ConfigNode::Entry& entry : config.model.layers[0].params.entries()) {
    CAPTURE(entry.key);
    REQUIRE(params.find(entry.key));
    CHECK(params.find(entry.key)->kind() == entry.value.kind());
    CHECK(params.find(entry.key)->text() == entry.value.text());
  }
  CHECK(params.find("a")->quoted());
  CHECK(params.find("f")->text() == "$(n)");
}

}  // namespace dl
