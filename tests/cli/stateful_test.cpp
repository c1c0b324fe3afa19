#include <doctest/doctest.h>

#include <fstream>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Runs whose layers carry a state from batch to batch.

namespace dl::test {
namespace {

constexpr const char* kConfig = R"(
version: 1
name: stateful
seed: 3
data:
  source: {synthetic: {shape: [6, 4], classes: 3, samples: 16, test_samples: 8}}
  batch: 1
  shuffle: false
model:
  layers:
    - gru: {name: gru, hidden_size: 5, num_layers: 2, stateful: true, output: last}
    - linear: {name: fc, out_features: $data.classes}
loss: cross_entropy
optimizer: {adam: {lr: 0.01}}
train: {epochs: 3, threads: 2, monitor: train/loss}
)";

struct Runs {
  TempFolder folder;
  std::string config = folder / "config.yaml";

  Runs() { std::ofstream(config) << kConfig; }
  ProgramResult train(const std::string& run, const std::vector<std::string>& sets = {}) const {
    std::vector<std::string> arguments = {"train", config, "--run", folder / run};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    return run_program(dl::test::dltool_binary(), arguments);
  }
};

}  // namespace

TEST_CASE("a stateful run that stops in the middle of an epoch goes on to the same bits") {
  const Runs runs;
  REQUIRE(runs.train("whole").exit_code == 0);
  const ProgramResult stopped = runs.train("parted", {"train.max_steps=21"});  // 16 an epoch
  REQUIRE_MESSAGE(stopped.exit_code == 0, stopped.err);
  const ProgramResult result = run_program(
      dl::test::dltool_binary(), {"resume", runs.folder / "parted", "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  for (const char* file : {"model", "optim", "carried"}) {
    CAPTURE(file);
    const std::string name = std::string("/checkpoints/last/") + file + ".safetensors";
    CHECK((read_bytes(runs.folder / "whole" + name) == read_bytes(runs.folder / "parted" + name)));
  }
}

TEST_CASE("a state changes what the next batch gives, and is zero again in the next epoch") {
  const Runs runs;
  REQUIRE(runs.train("carried").exit_code == 0);
  REQUIRE(runs.train("fresh", {"model.layers.0.gru.stateful=false"}).exit_code == 0);
  const std::string name = "/checkpoints/last/model.safetensors";
  CHECK((read_bytes(runs.folder / "carried" + name) != read_bytes(runs.folder / "fresh" + name)));
  // Evaluating twice gives the same: each pass begins with zeros.
  const auto eval = [&] {
    return run_program(dl::test::dltool_binary(), {"eval", runs.folder / "carried", "--json"}).out;
  };
  CHECK(!eval().empty());
  CHECK(eval() == eval());
}

TEST_CASE("stateful layers want batches that follow one another, which check says already") {
  const Runs runs;
  const auto check = [&](const std::vector<std::string>& sets) {
    std::vector<std::string> arguments = {"check", runs.config};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    return run_program(dl::test::dltool_binary(), arguments);
  };
  CHECK(check({}).exit_code == 0);
  const auto refused = [&](const std::vector<std::string>& sets, const std::string& why) {
    CAPTURE(sets[0]);
    const ProgramResult result = check(sets);
    CHECK(result.exit_code == 3);
    CHECK_MESSAGE(
        result.err.find("config.yaml:11:7: error: layer 'gru' (gru): stateful: true wants "
                        "batches that follow one another, but " +
                        why) != std::string::npos,
        result.err);
  };
  refused({"data.shuffle=true"}, "these are shuffled");
  refused({"data.batch=4"}, "of 4 samples side by side");
  refused({"data.eval_batch=4"}, "of 4 samples side by side");
  const std::string series = "data.source={csv_sequence: {path: nowhere, columns: [a], window: 8";
  const std::string target = "model.layers.1={linear: {name: fc, out_features: 1}}";
  const std::vector<std::string> windows = {series + "}}", target, "loss=mse"};
  refused(windows, "the windows of these overlap");
  const std::vector<std::string> adjoining = {series + ", stride: 8}}", target, "loss=mse"};
  const ProgramResult fits = check(adjoining);
  CHECK_MESSAGE(fits.exit_code == 0, fits.err);
  CHECK(runs.train("shuffled", {"data.shuffle=true"}).exit_code == 3);
}

}  // namespace dl::test
