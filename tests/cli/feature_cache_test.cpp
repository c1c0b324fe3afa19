#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

namespace fs = std::filesystem;

// Two heads read the frozen part at different places, one past a dropout; averages, an epoch that
// ends in a small batch, a phase that trains what a later one freezes.
constexpr const char* kConfig = R"(
version: 1
name: features
data:
  source: {synthetic: {shape: [2, 8, 8], classes: 4, samples: 60, test_samples: 12, noise: 2}}
  batch: 8
  eval_batch: 6
  split: {valid: 10}
  transforms: {train: [random_crop: {padding: 1}, random_flip]}
  augment_views: 2
model:
  layers:
    - conv: {name: conv1, out_channels: 16, kernel_size: 3, padding: 1, bias: false}
    - batch_norm: {name: bn1}
    - relu: {name: act1}
    - conv: {name: conv2, out_channels: 24, kernel_size: 3}
    - batch_norm: {name: bn2}
    - swish: {name: act2}
    - flatten
    - dropout: {p: 0.3}
    - linear: {name: fc, out_features: 4}
    - flatten: {name: flat1, from: act1}
    - linear: {name: aux, out_features: 4}
  output: fc
loss: [cross_entropy: {from: fc}, cross_entropy: {from: aux, weight: 0.3, train_only: true}]
optimizer: {sgd: {lr: 0.05, momentum: 0.9, weight_decay: 0.01}}
schedule: {cosine: {by: step}}
phases:
  - {epochs: 1}
  - {epochs: 4, freeze: ['**', '!fc', '!aux']}
  - {epochs: 1, freeze: [conv1, bn1]}
train: {ema: {decay: 0.9}, threads: 2, checkpoint: {every: {steps: 4}, keep: 99}}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml";

  Place() {
    std::ofstream(config) << kConfig;
    ::setenv("DLTOOL_CACHE", folder.path().c_str(), 1);
  }
  ~Place() { ::unsetenv("DLTOOL_CACHE"); }
  std::string run(const std::string& name) const { return folder / name; }
  ProgramResult train(const std::string& name, const std::string& cache,
                      const std::vector<std::string>& sets = {}) const {
    std::vector<std::string> arguments = {"train", config, "--run", run(name)};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    arguments.insert(arguments.end(), {"--set", "train.cache_features=" + cache});
    return run_program(dl::test::dltool_binary(), arguments);
  }
  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    if (!fs::exists(folder / "features")) return files;
    for (const auto& entry : fs::directory_iterator(folder / "features"))
      files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
  }
};

/// The metrics without rates and times.
std::string metrics_of(const std::string& run) {
  std::ifstream file(run + "/metrics.csv");
  std::string all, line;
  while (std::getline(file, line)) {
    for (int column = 0; column < 3; ++column) line.resize(line.rfind(','));
    all += line + "\n";
  }
  return all;
}

void check_same(const std::string& a, const std::string& b) {
  for (const char* file : {"model.safetensors", "ema.safetensors", "optim.safetensors"}) {
    CAPTURE(file);
    CHECK(read_bytes(a + "/checkpoints/last/" + file) ==
          read_bytes(b + "/checkpoints/last/" + file));
  }
  CHECK(metrics_of(a) == metrics_of(b));
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("training on cached features gives the bits of training without") {
  const Place place;
  for (const std::vector<std::string>& sets :
       {std::vector<std::string>{},
        {"data.drop_last=false"},
        {"data.shuffle=false"},
        {"data.sampler=balanced"},
        {"data.drop_last=false", "data.shuffle=false", "train.effective_batch=16"}}) {
    CAPTURE(join(sets, " "));
    REQUIRE(place.train("off", "off", sets).exit_code == 0);
    for (const char* cache : {"ram", "disk", "disk", "auto"}) {  // the second finds them there
      CAPTURE(cache);
      const ProgramResult result = place.train(cache, cache, sets);
      REQUIRE_MESSAGE(result.exit_code == 0, result.err);
      CHECK_MESSAGE(holds(result.err, "features of "), result.err);
      check_same(place.run("off"), place.run(cache));
      fs::remove_all(place.run(cache));
    }
    fs::remove_all(place.run("off"));
  }
}

TEST_CASE("a run that was stopped while it trained on features goes on to the same bits") {
  const Place place;
  REQUIRE(place.train("whole", "ram").exit_code == 0);
  for (const int step : {6, 8, 12, 20, 31}) {
    CAPTURE(step);
    REQUIRE(place.train("part", "ram", {"train.max_steps=" + std::to_string(step)}).exit_code == 0);
    const ProgramResult resumed = run_program(
        dl::test::dltool_binary(), {"resume", place.run("part"), "--set", "train.max_steps=~"});
    REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
    check_same(place.run("whole"), place.run("part"));
    fs::remove_all(place.run("part"));
  }
}

TEST_CASE("features on the disk are those of one network and of one set of data") {
  const Place place;
  const auto files_after = [&](const std::vector<std::string>& sets) {
    const ProgramResult result = place.train("run", "disk", sets);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    fs::remove_all(place.run("run"));
    return place.kept().size();
  };
  CHECK(files_after({}) == 4);  // train and valid in two phases that freeze different parts
  CHECK(files_after({"train.log_every=7"}) == 4);
  CHECK(files_after({"data.augment_views=1"}) == 8);
  CHECK(files_after({"seed=2"}) == 12);
  CHECK(files_after({"optimizer.sgd.lr=0.04"}) == 16);  // phase 1 trains other weights
  // Both phases freeze the same part of this one.
  CHECK(files_after({"model.layers=[conv: {name: conv1, out_channels: 16, kernel_size: 3, padding: "
                     "1, bias: false}, batch_norm: {name: bn1, eps: 0.1}, relu: {name: act1}, "
                     "flatten: {name: fl}, linear: {name: fc, out_features: 4}, linear: {name: "
                     "aux, from: fl, out_features: 4}]"}) == 18);
}

TEST_CASE("what depends on the batch before has no features") {
  const Place place;
  std::ofstream(place.config) << R"(
data:
  source: {synthetic: {shape: [1, 8, 8], classes: 4, samples: 40}}
  batch: 1
  shuffle: false
  transforms: {train: [rows], eval: [rows]}
model:
  layers:
    - lstm: {name: rnn, hidden_size: 6, stateful: true}
    - flatten
    - linear: {name: fc, out_features: 4}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
phases: [{epochs: 3, freeze: [rnn]}]
train: {threads: 2, ema: {decay: 0.9}}
)";
  REQUIRE(place.train("off", "off").exit_code == 0);
  const ProgramResult result = place.train("ram", "ram");
  REQUIRE(result.exit_code == 0);
  CHECK_MESSAGE(holds(result.err, "a layer carries its state on"), result.err);
  check_same(place.run("off"), place.run("ram"));
}

TEST_CASE("sequences with lengths have features where an epoch is less than two batches") {
  const Place place;
  std::ofstream texts(place.folder / "t.csv");
  texts << "text,label\n";
  for (int i = 0; i < 24; ++i)
    texts << (i % 3 ? "a bad book" : "good") << (i % 5 ? " indeed" : "") << ',' << i % 2 << '\n';
  texts.close();
  std::ofstream(place.config) << R"(
data:
  source: {labelled_text: {train: )" +
                                     place.folder.path() + R"(/t.csv, unit: word, length: 6}}
  batch: 16
  drop_last: false
model:
  layers:
    - embedding: {name: emb, num_embeddings: $data.vocabulary, embedding_dim: 4, from: data.tokens}
    - lstm: {name: rnn, hidden_size: 6, output: last, from: [emb, data.length]}
    - linear: {name: fc, out_features: $data.classes}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
phases: [{epochs: 3, freeze: [emb, rnn]}]
train: {threads: 2, ema: {decay: 0.9}}
)";
  REQUIRE(place.train("off", "off").exit_code == 0);
  for (const char* cache : {"ram", "disk"}) {
    const ProgramResult result = place.train(cache, cache);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    check_same(place.run("off"), place.run(cache));
  }
}

TEST_CASE("features on the disk are told apart by what is kept of a sample") {
  const Place place;
  std::ofstream(place.config) << R"(
data: {source: {synthetic: {shape: [6], classes: 4, samples: 40}}, batch: 8}
model:
  layers:
    - linear: {name: t1, out_features: 4}
    - linear: {name: t2, out_features: 4}
    - linear: {name: t3, out_features: 4}
    - linear: {name: out, out_features: 4}
loss: [cross_entropy: {from: out}, cross_entropy: {from: t1, weight: 0.5}]
optimizer: {sgd: {lr: 0.05}}
phases: [{epochs: 3, freeze: ['t*']}]
train: {threads: 2}
)";
  const std::string other =
      "loss=[cross_entropy: {from: out}, cross_entropy: {from: t2, weight: 0.5}]";
  REQUIRE(place.train("first", "disk").exit_code == 0);
  REQUIRE(place.train("off", "off", {other}).exit_code == 0);
  REQUIRE(place.train("second", "disk", {other}).exit_code == 0);
  CHECK(metrics_of(place.run("second")) == metrics_of(place.run("off")));
}

TEST_CASE("damaged features are computed again, with a note, and never used") {
  const Place place;
  REQUIRE(place.train("first", "disk").exit_code == 0);
  const std::vector<fs::path> files = place.kept();
  for (const fs::path& file : files) fs::resize_file(file, fs::file_size(file) - 1);
  REQUIRE(place.train("second", "disk").exit_code == 0);
  check_same(place.run("first"), place.run("second"));
  CHECK(place.kept() == files);
  for (const fs::path& file : files) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(200);
    stream.put('\x55');
  }
  const ProgramResult result = place.train("third", "disk");
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(holds(result.err, "are damaged: they are computed again"), result.err);
  check_same(place.run("first"), place.run("third"));
}

TEST_CASE("what stands against features is said") {
  const Place place;
  const auto fails = [&](const std::vector<std::string>& sets, const std::string& part) {
    const ProgramResult result = place.train("run", "ram", sets);
    CHECK_MESSAGE(result.exit_code == 3, result.err);
    CHECK_MESSAGE(holds(result.err, part), result.err);
    CHECK_FALSE(fs::exists(place.run("run")));
  };
  fails({"data.augment_views=~"}, "data.augment_views: K");
  fails({"diagnostics={every: 2}"}, "diagnostics look at the whole network");
  fails({"phases=~", "train.epochs=2"}, "no layer that the data reaches first is frozen");
  const ProgramResult result = place.train("run", "auto", {"data.augment_views=~"});
  CHECK(result.exit_code == 0);
  CHECK_MESSAGE(holds(result.err, "computed anew each epoch"), result.err);
}

TEST_CASE("features that are too many are refused before the first is computed") {
  const Place place;
  const std::vector<std::string> views = {"data.augment_views=1000000",
                                          "data.source.synthetic.shape=[2, 64, 64]"};
  const ProgramResult refused = place.train("run", "ram", views);
  CHECK(refused.exit_code == 7);
  CHECK(holds(refused.err, "train.cache_features: the features take "));
  CHECK_FALSE(fs::exists(place.run("run")));
  const ProgramResult result = place.train("run", "disk", {"data.augment_views=1000001"});
  CHECK(result.exit_code == 3);
}

TEST_CASE("the time of a run is all that it took, its features too") {
  const Place place;
  const ProgramResult result =
      place.train("run", "ram", {"data.augment_views=300", "train.max_steps=9"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const std::string words = "computed in ";
  const std::size_t at = result.err.find(words);
  REQUIRE_MESSAGE(at != std::string::npos, result.err);
  const double features = std::stod(result.err.substr(at + words.size()));  // to a tenth
  const nlohmann::json exit = nlohmann::json::parse(std::ifstream(place.run("run") + "/exit.json"));
  CHECK(exit.at("seconds").get<double>() > features - 0.06);
}

TEST_CASE("features that find no place leave the run as it was") {
  const Place place;
  std::ofstream(place.folder / "features") << "a file";
  const ProgramResult result = place.train("run", "disk");
  CHECK_MESSAGE(result.exit_code == 6, result.err);
  CHECK_MESSAGE(holds(result.err, "train.cache_features"), result.err);
}

}  // namespace dl::test
