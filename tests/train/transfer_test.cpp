#include "engine/train/transfer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "core/file_system.h"
#include "engine/train/transfer_table.h"
#include "engine/train/updater.h"
#include "tests/support/data_files.h"
#include "tests/support/network.h"

namespace dl {
namespace {

using test::TempFolder;

/// A picture network whose head has `classes` outputs, fine-tuned as `finetune` says.
Setup network(const std::string& finetune, int classes = 5, int channels = 8, int inputs = 2) {
  return test::setup_of(fmt::format(R"(
model:
  input: [{}, 6, 6]
  layers:
    - conv: {{name: conv1, out_channels: {}, kernel_size: 3, bias: false}}
    - batch_norm: {{name: bn1}}
    - relu: {{name: act1}}
    - flatten
    - linear: {{name: fc, out_features: {}}}
data: {{batch: 4, classes: {}}}
loss: cross_entropy
optimizer: {{sgd: {{lr: 0.1}}}}
train: {{epochs: 1}}
finetune: {{from: w{}{}}}
)",
                                    inputs, channels, classes, classes,
                                    finetune.empty() ? "" : ", ", finetune));
}

/// Files of weights in a folder of their own.
struct Files {
  TempFolder folder;
  std::string path = folder / "w.safetensors";

  void save(const std::vector<TensorView>& tensors) const {
    const auto files = real_file_system();
    write_safetensors(*files, path, tensors, {});
  }
  /// The network's weights by the formula, with names changed.
  void save_network(const Setup& setup, const std::function<std::string(std::string)>& rename = {},
                    const std::vector<TensorView>& more = {}) const {
    WeightStore store(setup.graph);
    test::fill_by_formula(store);
    std::vector<TensorView> tensors = weight_tensors(store);
    if (rename) {
      for (TensorView& tensor : tensors) tensor.name = rename(tensor.name);
    }
    tensors.insert(tensors.end(), more.begin(), more.end());
    save(tensors);
  }
  Transfer plan(const Setup& setup) const {
    return plan_transfer(setup,
                         WeightSource::open(path, rename_rules(setup.config.finetune->rename)));
  }
  /// The message with which planning ends.
  std::string error(const Setup& setup, ExitCode code = ExitCode::weights) const {
    try {
      plan(setup);
      return "";
    } catch (const UserError& error) {
      CHECK(error.code() == code);
      return error.what();
    }
  }
};

/// "conv1.weight=conv1.weight! fc.weight: why": what is frozen has a !.
std::string text_of(const Transfer& transfer) {
  std::string text;
  for (const TransferredWeight& weight : transfer.weights) {
    text += fmt::format("{}{}{}\n", weight.name,
                        weight.source.empty() ? ": " + weight.why : "=" + weight.source,
                        weight.frozen ? "!" : "");
  }
  return text;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("weights move by name, and the store gets the source's bytes") {
  const Files files;
  const Setup setup = network("");
  files.save_network(setup);
  const WeightSource source = WeightSource::open(files.path, {});
  const Transfer transfer = plan_transfer(setup, source);
  CHECK(text_of(transfer) ==
        "conv1.weight=conv1.weight\nbn1.weight=bn1.weight\nbn1.bias=bn1.bias\n"
        "bn1.running_mean=bn1.running_mean\nbn1.running_var=bn1.running_var\n"
        "fc.weight=fc.weight\nfc.bias=fc.bias\n");
  WeightStore expected(setup.graph), store(setup.graph);
  test::fill_by_formula(expected);
  apply_transfer(transfer, source, store);
  CHECK(std::ranges::equal(store.flat(), expected.flat()));
}

TEST_CASE("a head that does not fit is started anew, and so is one that is named") {
  const Files files;
  files.save_network(network(""));
  const std::string other = text_of(files.plan(network("freeze: true", 7)));
  CHECK(holds(other, "bn1.running_var=bn1.running_var!\n"));
  CHECK(holds(other, "fc.weight: (7, 128) here, (5, 128) in the source\n"));
  CHECK(holds(other, "fc.bias: (7, 128) here"));
  const std::string named = text_of(files.plan(network("freeze: true, head: fc")));
  CHECK(holds(named, "conv1.weight=conv1.weight!\n"));
  CHECK(holds(named, "fc.weight: it is the new head\nfc.bias: it is the new head\n"));
  CHECK(files.plan(network("head: fc")).unused.empty());
  CHECK(text_of(files.plan(network("head: [fc, bn1]"))).find("bn1.bias: it is the new head") !=
        std::string::npos);
  CHECK_THROWS_WITH_AS(network("head: fcc"), doctest::Contains("did you mean 'fc'?"), UserError);
}

TEST_CASE("what is no head must fit") {
  const Files files;
  files.save_network(network(""));
  const std::string error = files.error(network("", 5, 16));
  CHECK(holds(error, "conv1.weight is (16, 2, 3, 3) here, (8, 2, 3, 3) in the source"));
  CHECK(holds(error, "bn1.running_var is (16) here"));
  CHECK(holds(error, "give the network the source's sizes: no layer of it fits as it is"));
}

TEST_CASE("where only the data differ, the data are what is named, and no head") {
  const Files files;
  files.save_network(network("", 5, 8, 3));
  const std::string error = files.error(network("", 5, 8, 1));
  CHECK(holds(error, "conv1.weight is (8, 1, 3, 3) here, (8, 3, 3, 3) in the source"));
  CHECK(holds(error,
              "'conv1' reads 1 channel of the data, and 3 in the source: the data must have 3"));
  CHECK_FALSE(holds(error, "--head"));
}

TEST_CASE("names are changed by rules, one after the other") {
  const Files files;
  const auto renamed = [](std::string name) {
    return name.starts_with("fc.") ? "model.head" + name.substr(2) : "model." + name;
  };
  files.save_network(network(""), renamed);
  const std::string none = files.error(network(""));
  CHECK(holds(none, "no tensor has the name of a weight"));
  CHECK(holds(none, "it has 'model.conv1.weight', the network 'conv1.weight'"));
  const Transfer transfer =
      files.plan(network(R"(strict: true, rename: {'^model\.': '', '^(head)\.(.*)$': 'fc.\2'})"));
  CHECK(holds(text_of(transfer), "fc.bias=model.head.bias\n"));
  CHECK(holds(files.error(network("rename: {'^.*$': 'same'}")), "are renamed to 'same'"));
  CHECK(holds(files.error(network("rename: {'^modle': ''}"), ExitCode::config),
              "'^modle' is found in no name"));
  CHECK(holds(test::setup_error("finetune: {from: w, rename: {'(a)': '\\2'}}\n"),
              "has 1 parentheses, but \\2 stands"));
  // A pattern that takes other matchers exponential time.
  CHECK(holds(files.error(network("rename: {'(.*)*Q': ''}"), ExitCode::config), "found in no"));
  CHECK(holds(test::setup_error("finetune: {from: w, rename: {'(': ''}}\n"),
              "'(' is no regular expression"));
  CHECK(holds(test::setup_error("finetune: {from: w, rename: torchvison}\n"),
              "did you mean 'torchvision'?"));
}

TEST_CASE("the preset timm knows a MobileNetV2, and leaves other networks' names alone") {
  const test::TempFolder folder;
  const std::string path = folder / "w.safetensors";
  const float value[] = {1};
  const auto renamed = [&](const std::vector<std::string>& names) {
    std::vector<TensorView> tensors;
    for (const std::string& name : names) tensors.push_back(float_tensor(name, {1}, value));
    write_safetensors(*real_file_system(), path, tensors, {});
    const WeightSource source =
        WeightSource::open(path, rename_rules({.preset = "timm", .rules = {}}));
    std::vector<std::string> found;
    for (const WeightSource::Tensor& tensor : source.tensors()) found.push_back(tensor.name);
    return found;
  };
  CHECK(renamed({"conv_stem.weight", "bn1.bias", "blocks.0.0.conv_dw.weight", "blocks.0.0.bn2.bias",
                 "blocks.1.0.conv_pw.weight", "blocks.3.2.bn3.running_var",
                 "blocks.6.0.conv_pwl.weight", "conv_head.weight", "bn2.weight",
                 "classifier.bias"}) ==
        std::vector<std::string>{"features.0.0.weight", "features.0.1.bias",
                                 "features.1.conv.0.0.weight", "features.1.conv.2.bias",
                                 "features.2.conv.0.0.weight", "features.9.conv.3.running_var",
                                 "features.17.conv.2.weight", "features.18.0.weight",
                                 "features.18.1.weight", "classifier.1.bias"});
  CHECK(renamed({"conv1.weight", "bn1.bias", "head.fc.bias"}) ==
        std::vector<std::string>{"conv1.weight", "bn1.bias", "fc.bias"});
}

TEST_CASE("strict wants everything in its place") {
  const Files files;
  const float extra[] = {1, 2};
  const TensorView more = float_tensor("extra.weight", {2}, extra);
  const TensorView counter = float_tensor("bn1.num_batches_tracked", {1}, std::span(extra, 1));
  files.save_network(network(""), {}, {more, counter});
  CHECK(files.plan(network("")).unused == std::vector<std::string>{"extra.weight"});
  CHECK(holds(files.error(network("strict: true")), "nothing has a place for extra.weight"));
  files.save_network(network(""), {}, {counter});
  CHECK(files.error(network("strict: true")).empty());
  files.save_network(network(""), [](std::string name) {
    if (name.starts_with("bn1.b")) name = "bn1.offset";
    return name;
  });
  CHECK(holds(text_of(files.plan(network("freeze: true"))), "bn1.bias: not in the source\n"));
  CHECK(holds(files.error(network("strict: true")), "'bn1.bias' is not in the source"));
}

TEST_CASE("freeze takes all that was loaded, or globs") {
  const Files files;
  files.save_network(network(""));
  CHECK(files.plan(network("")).frozen().empty());
  CHECK(files.plan(network("freeze: ['**', '!fc', '!bn1.bias']")).frozen() ==
        std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.running_mean",
                                 "bn1.running_var"});
  CHECK(files.plan(network("freeze: conv1")).frozen() == std::vector<std::string>{"conv1.weight"});
  CHECK_THROWS_WITH_AS(network("freeze: [cnv1]"),
                       doctest::Contains("'cnv1' matches no weight; did you mean 'conv1'?"),
                       UserError);
  CHECK_THROWS_WITH_AS(network("freeze: ['!fc']"), doctest::Contains("only takes back"), UserError);
  CHECK(holds(files.error(network("freeze: [fc], head: fc"), ExitCode::config),
              "'fc.weight' is started anew and would stay as it begins"));
  CHECK(holds(files.error(network("freeze: true"), ExitCode::config), "leaves nothing to train"));
}

TEST_CASE("values that are no numbers are refused, with their place") {
  const Files files;
  const Setup setup = network("");
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  std::vector<TensorView> tensors = weight_tensors(store);
  float& value = store.values(*store.find("conv1.weight"))[3 * 18 + 9 + 2];
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF}) {
    value = bad;
    files.save(tensors);
    CHECK(
        holds(files.error(setup), "'conv1.weight' has a value that is not finite at [3, 1, 0, 2]"));
  }
  // What is not used may hold anything.
  value = 1;
  const float extra[] = {-HUGE_VALF};
  tensors.push_back(float_tensor("mask", {1}, extra));
  files.save(tensors);
  CHECK(files.error(setup).empty());
}

TEST_CASE("what is frozen without globs reads nothing that is started anew") {
  const Files files;
  files.save_network(network(""), [](const std::string& name) {
    return name.starts_with("conv1") ? "other." + name : name;
  });
  CHECK(holds(files.error(network("freeze: true")),
              "'bn1' is frozen, but reads what comes from 'conv1', which is started anew (not in "
              "the source)"));
  const Setup meant = network("freeze: [bn1]");
  const Transfer transfer = files.plan(meant);
  CHECK(
      holds(transfer_table(meant.graph, transfer, transfer.frozen()), "warning: 'bn1' is frozen"));
  CHECK(files.plan(network("")).warnings.empty());
}

TEST_CASE("what freeze gets wrong is told at its place") {
  const Files files;
  const Setup setup = network("freeze: true");
  files.save_network(setup);
  try {
    files.plan(setup);
    FAIL("nothing is left to train");
  } catch (const UserError& error) {
    CHECK(error.diagnostics()[0].mark.column == 29);
  }
}

TEST_CASE("a checkpoint that there cannot be is told where it is named") {
  const Setup setup = network("checkpoint: beste");
  CHECK_THROWS_WITH_AS(
      open_source(setup),
      doctest::Contains("finetune: checkpoint: expected best, last or a "
                        "checkpoint's folder, found 'beste'; did you mean 'best'?"),
      UserError);
}

TEST_CASE("a frozen batch norm can go on averaging, or learn its scale") {
  const Files files;
  files.save_network(network(""));
  const auto frozen = [&](const std::string& mode) {
    return files.plan(network("head: fc, freeze: true, batch_norm: " + mode)).frozen();
  };
  CHECK(frozen("frozen").size() == 5);
  CHECK(frozen("statistics") == std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.bias"});
  CHECK(frozen("affine") ==
        std::vector<std::string>{"conv1.weight", "bn1.running_mean", "bn1.running_var"});
}

TEST_CASE("half and double precision become floats, and whole numbers are refused") {
  const Files files;
  // 1, -2, the smallest half, infinity
  const std::uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7c00},
                      brain[] = {0x3f80, 0xc000, 1, 0x7f80};
  const double wide[] = {1, -2, 0x1p-24, 0.1};
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  files.save({{"half", "F16", {4}, bytes(half)},
              {"brain", "BF16", {4}, bytes(brain)},
              {"wide", "F64", {4}, bytes(wide)},
              {"whole", "I64", {4}, bytes(wide)}});
  const WeightSource source = WeightSource::open(files.path, {});
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(source.values(*source.find("half")) == std::vector<float>{1, -2, 0x1p-24F, infinity});
  CHECK(source.values(*source.find("brain")) == std::vector<float>{1, -2, 0x1p-133F, infinity});
  CHECK(source.values(*source.find("wide")) == std::vector<float>{1, -2, 0x1p-24F, 0.1F});
  CHECK_THROWS_WITH_AS(source.values(*source.find("whole")),
                       doctest::Contains("'whole' is I64; weights are F32, F64, F16 or BF16"),
                       UserError);
}

TEST_CASE("a transfer is kept as JSON") {
  const Files files;
  files.save_network(network(""));
  const Transfer transfer = files.plan(network("freeze: true", 7));
  const Transfer again = transfer_from_json(to_json(transfer), "transfer.json");
  CHECK(text_of(again) == text_of(transfer));
  CHECK(again.from == files.path);
  CHECK_THROWS_AS(transfer_from_json("{}", "transfer.json"), UserError);
  CHECK_THROWS_AS(transfer_from_json(to_json(transfer).substr(0, 100), "transfer.json"), UserError);
}

TEST_CASE("the table says layer by layer what was loaded and what is trained") {
  const Files files;
  const float extra[] = {1, 2};
  const Setup setup = network("freeze: true", 7);
  files.save_network(network(""), {}, {float_tensor("extra", {2}, extra)});
  const std::string table = transfer_table(
      setup.graph, files.plan(setup),
      {"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"});
  CHECK(holds(table, "conv1  conv                 144  frozen         loaded\n"));
  CHECK(
      holds(table, "fc     linear               903  trained        started anew: (7, 128) here"));
  CHECK(holds(table, "unused in the source: extra\n"));
  CHECK(holds(table, "frozen 160 of 1,063 parameters\n"));
}

}  // namespace dl
