#include <doctest/doctest.h>

#include <fstream>

#include "engine/core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/run_program.h"

// Runs whose layers carry a state from batch to batch.

namespace dl::test {
namespace {

constexpr const char* kConfig = R"(
version: 1
name: stateful
seed: 3
data:
  source: {synthetic: {shape: [6, 4], classes: 3, samples: 64, test_samples: 16}}
  batch: 4
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
    return run_program(DLTOOL_BINARY, arguments);
  }
};

}  // namespace

TEST_CASE("a stateful run that stops in the middle of an epoch goes on to the same bits") {
  const Runs runs;
  REQUIRE(runs.train("whole").exit_code == 0);
  const ProgramResult stopped = runs.train("parted", {"train.max_steps=21"});  // 16 an epoch
  REQUIRE_MESSAGE(stopped.exit_code == 0, stopped.err);
  const ProgramResult result =
      run_program(DLTOOL_BINARY, {"resume", runs.folder / "parted", "--set", "train.max_steps=~"});
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
    return run_program(DLTOOL_BINARY, {"eval", runs.folder / "carried", "--json"}).out;
  };
  CHECK(!eval().empty());
  CHECK(eval() == eval());
}

TEST_CASE("stateful layers want batches that follow one another and are of one size") {
  const Runs runs;
  const ProgramResult shuffled = runs.train("a", {"data.shuffle=true"});
  CHECK(shuffled.exit_code == 3);
  CHECK(shuffled.err.find("stateful: true wants batches that follow one another") !=
        std::string::npos);
  const ProgramResult uneven = runs.train("b", {"data.eval_batch=5"});
  CHECK(uneven.exit_code == 3);
  CHECK(uneven.err.find("stateful: true wants all batches of one size") != std::string::npos);
  const ProgramResult rest =
      runs.train("c", {"data.source.synthetic.samples=66", "data.drop_last=false"});
  CHECK(rest.exit_code == 3);
}

}  // namespace dl::test
