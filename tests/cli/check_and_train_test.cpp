#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/agreement.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"
#include "tests/support/shipped_configs.h"

// What `check` accepts, and whose data are there, `train` starts; what it refuses, `train` refuses
// with the same exit code and in the same words. `summary` and `bench` agree with both.
// check_shipped_slow_test.cpp takes all configs that dltool comes with.
namespace dl::test {
namespace {

namespace fs = std::filesystem;

/// The config and the `# set:` lines at its top, as --set.
std::vector<std::string> with_sets(const fs::path& config) {
  std::vector<std::string> arguments = {config.filename().string()};
  std::ifstream in(config);
  const std::string word = "# set: ";
  for (std::string line; std::getline(in, line) && line.starts_with('#');) {
    if (line.starts_with(word))
      arguments.insert(arguments.end(), {"--set", line.substr(word.size())});
  }
  return arguments;
}

/// Images under MNIST's names, tables, and configs on them.
struct Place {
  Place() {
    write_mnist(folder / "m", 12, 6);
    std::string rows = "x,y,label\n", series = "v\n";
    for (int i = 0; i < 9; ++i) rows += std::to_string(i) + "," + (i % 2 == 0 ? "0,a\n" : "1,b\n");
    for (int i = 0; i < 60; ++i) series += std::to_string(i % 7) + "\n";
    write_text(folder / "t.csv", rows);
    write_text(folder / "wrong.csv", "x,y,label\n0,1,a\n1,3,b\n");
    write_text(folder / "unknown.csv", "x,y,label\n0,1,a\n1,0,c\n");
    write_text(folder / "s.csv", series);
  }
  /// Check's exit code, once all agree.
  int agreed(const std::string& data, const std::string& layers, const std::string& rest,
             const std::vector<std::string>& sets = {}) const {
    write_text(folder / "c.yaml", "version: 1\ndata: {" + data + "}\nmodel: {layers: [" + layers +
                                      "]}\noptimizer: {sgd: {lr: 0.01}}\n" + rest + "\n");
    std::vector<std::string> arguments = {"c.yaml", "--set", "train.max_steps=1"};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    return Agreement(arguments, folder / "run", folder.path()).check();
  }
  TempFolder folder;
};

const std::string kTable = "source: {csv: {train: t.csv, target: label}}, batch: 4";
const std::string kNumbers =
    "source: {csv: {train: t.csv, target: y, ignore: [label], task: regression}}, batch: 4";
const std::string kTrain = "train: {epochs: 2}";

}  // namespace

TEST_CASE("train refuses every bad config as check does, and so do summary and bench") {
  const TempFolder folder;
  int refused = 0;
  const std::string errors = source_path("tests/errors");
  for (const fs::directory_entry& entry : fs::directory_iterator(errors)) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    const Agreement agreement(with_sets(entry.path()), folder / "run", errors);
    CHECK(agreement.check() != 0);
    ++refused;
  }
  CHECK(refused >= 90);
}

TEST_CASE("of each kind of shipped config one is trained, and check, summary and bench accept it") {
  const TempFolder folder;
  write_shipped_data(folder / "data");
  int accepted = 0;
  for (const char* name :
       {"digits/resnet", "mnist/lenet", "mnist/gru_rows", "cifar/resnet20_option_a",
        "imagenet/mobilenet_v2", "text/char_lstm", "series/electricity",
        "series/japanese_vowels_crnn", "tabular/penguins", "own/texts", "memory/adding_rnn"}) {
    const std::string config = source_path("configs/" + std::string(name) + ".yaml");
    std::vector<std::string> arguments = {config, "--data", folder / "data"};
    for (const std::string& set : sets_for(config, 1)) arguments.push_back(set);
    const Agreement agreement(arguments, folder / "run");
    CHECK(agreement.check() == 0);
    ++accepted;
  }
  CHECK(accepted == 11);
}

TEST_CASE("all verbs agree on what depends on how many samples there are") {
  const Place place;
  const std::string norm =
      "linear: {name: f, out_features: 4}, batch_norm, linear: {name: fc, "
      "out_features: 2}";
  const std::string loss = "loss: cross_entropy\n" + kTrain;
  CHECK(place.agreed(kTable, norm, loss) == 0);
  CHECK(place.agreed(kTable + ", drop_last: false", norm, loss) == 3);
  CHECK(place.agreed(kTable + ", drop_last: false, split: {valid: 3}", norm, loss) == 0);
  CHECK(place.agreed(kTable + ", drop_last: true", norm, loss, {"data.batch=10"}) == 4);
  CHECK(place.agreed(kTable, "linear: {name: fc, out_features: 2}",
                     "loss: cross_entropy\ntrain: {epochs: 2, monitor: valid/top1}") == 3);
  CHECK(place.agreed(kTable + ", split: {valid: 3}", "linear: {name: fc, out_features: 2}",
                     "loss: cross_entropy\ntrain: {epochs: 2, monitor: valid/top1}") == 0);
}

TEST_CASE("all verbs agree on phases, features and memory") {
  const Place place;
  const std::string two = "linear: {name: f, out_features: 4}, linear: {name: fc, out_features: 2}";
  const std::string loss = "loss: cross_entropy\n";
  const std::string phases = "phases: [{epochs: 1, freeze: [f]}, {epochs: 1}]\n";
  CHECK(place.agreed(kTable, two, loss + phases + "train: {cache_features: ram}") == 0);
  CHECK(place.agreed(kTable, two, loss + "train: {epochs: 1, cache_features: ram}") == 3);
  CHECK(place.agreed(
            kTable, two,
            loss + "diagnostics: {every: 1}\n" + phases + "train: {cache_features: ram}") == 3);
  const std::string views =
      "source: {synthetic: {shape: [2, 64, 64], classes: 2, samples: 64}}, batch: 4, "
      "augment_views: "
      "1000000, transforms: {train: [random_flip], eval: []}";
  CHECK(place.agreed(views, "flatten, " + two, loss + phases + "train: {cache_features: ram}",
                     {"model.layers.1.linear.out_features=4000"}) == 7);
  CHECK(place.agreed("source: digits, batch: 4",
                     "flatten, linear: {name: f, out_features: 2000000000}, linear: {name: fc, "
                     "out_features: 10}",
                     loss + kTrain) == 3);
  CHECK(place.agreed("source: digits, batch: 4",
                     "flatten, {repeat: 300, layers: [linear: {out_features: 32768}]}, "
                     "linear: {name: fc, out_features: 10}",
                     loss + kTrain) == 7);
  CHECK(place.agreed(kTable, two, loss + kTrain + "\nfinetune: {from: t.csv}") == 5);
  // What is frozen here is known only once the source was opened.
  REQUIRE(place.agreed(kTable, two, loss + kTrain) == 0);
  REQUIRE(run_program(dltool_binary(), {"train", "c.yaml", "-q", "--run", "source"},
                      place.folder.path())
              .exit_code == 0);
  CHECK(place.agreed(kTable, two,
                     loss + "finetune: {from: source, freeze: true, head: [fc]}\n" +
                         "train: {epochs: 1, cache_features: ram}") == 0);
}

TEST_CASE("targets that a loss cannot mean are refused by check already, in each split") {
  const Place place;
  const std::string one = "linear: {name: fc, out_features: 1}";
  CHECK(place.agreed(kNumbers, one, "loss: bce_with_logits\n" + kTrain) == 0);
  for (const char* split : {"valid", "test"}) {
    CAPTURE(split);
    const std::string set = "data.source.csv." + std::string(split) + "=";
    CHECK(place.agreed(kNumbers, one, "loss: bce_with_logits\n" + kTrain, {set + "wrong.csv"}) ==
          4);
    CHECK(place.agreed(kNumbers, one, "loss: mse\n" + kTrain, {set + "wrong.csv"}) == 0);
    CHECK(place.agreed(kTable, "linear: {name: fc, out_features: 2}",
                       "loss: cross_entropy\n" + kTrain, {set + "unknown.csv"}) == 4);
  }
  const std::string images = "source: {mnist: {path: m}}, batch: 4";
  const std::string draws =
      "flatten, linear: {name: fc, out_features: 784}, reshape: {shape: [1, 28, 28]}";
  const std::string loss = "loss: {bce_with_logits: {target: data.image}}\n" + kTrain;
  CHECK(place.agreed(images, draws, loss) == 0);
  const std::string normalize = "[normalize: {mean: [0.5], std: [0.5]}]";
  CHECK(place.agreed(images + ", transforms: {train: [], eval: " + normalize + "}", draws, loss) ==
        4);
  CHECK(place.agreed(images + ", transforms: {train: " + normalize + ", eval: " + normalize + "}",
                     draws, loss) == 4);
}

}  // namespace dl::test
