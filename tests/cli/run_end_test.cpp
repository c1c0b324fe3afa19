#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "engine/formats/safetensors.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// How runs end, and what steps that are not finite leave behind.
namespace dl::test {
namespace {

using nlohmann::json;

// Four steps an epoch.
constexpr const char* kConfig = R"(
version: 1
name: ends
data: {source: {csv: {path: t.csv, target: y, scale: none, missing_values: []}}, batch: 10, split: {valid: 20}}
model:
  layers:
    - batch_norm: {name: bn}
    - linear: {name: fc, out_features: 1}
loss: mse
optimizer: {sgd: {lr: 0.01}}
train: {epochs: 3, threads: 1}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "ends.yaml", run = folder / "run";

  /// `odd`: the line that stands among the others.
  explicit Place(const std::string& odd = "1,2") {
    std::ofstream(config) << kConfig;
    std::ofstream table(folder / "t.csv");
    table << "x,y\n";
    for (int i = 0; i < 59; ++i) table << i % 7 << ',' << i % 5 << '\n';
    table << odd << '\n';
  }
  ProgramResult dltool(std::vector<std::string> arguments) const {
    return run_program(dl::test::dltool_binary(), arguments, folder.path());
  }
  ProgramResult train(const std::vector<std::string>& sets, const std::string& to = "run") const {
    std::vector<std::string> arguments = {"train", config, "--run", folder / to};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    return dltool(arguments);
  }
  json exit(const std::string& of = "run") const {
    return json::parse(read_file(folder / of + "/exit.json"));
  }
  /// "1 train", "1 valid", ...
  std::vector<std::string> lines(const std::string& of = "run") const {
    std::vector<std::string> all;
    std::ifstream in(folder / of + "/metrics.jsonl");
    for (std::string line; std::getline(in, line);) {
      const json row = json::parse(line);
      all.push_back(std::to_string(row["epoch"].get<int>()) + " " +
                    row["split"].get<std::string>());
    }
    return all;
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("max_steps at the last step of an epoch lets it end like any other") {
  const Place place;
  REQUIRE(place.train({"train.max_steps=8"}).exit_code == 0);
  REQUIRE(place.train({"train.epochs=2"}, "two").exit_code == 0);
  CHECK(place.lines() == Lines{"1 train", "1 valid", "2 train", "2 valid"});
  json ended = place.exit(), two = place.exit("two");
  CHECK(ended["outcome"] == "reached max_steps");
  CHECK(two["outcome"] == "completed");
  CHECK(ended["valid"] == two["valid"]);
  CHECK(ended["weights"] == two["weights"]);
  const ProgramResult resumed = place.dltool({"resume", place.run, "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
  REQUIRE(place.train({}, "whole").exit_code == 0);
  CHECK(place.exit()["valid"] == place.exit("whole")["valid"]);
  CHECK(place.lines() == place.lines("whole"));
}

TEST_CASE("an epoch that max_steps cuts off is said to be") {
  const Place place;
  const ProgramResult result = place.train({"train.max_steps=6"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("epoch 2 ends after 2 of its 4 batches, and is not evaluated") !=
        std::string::npos);
  CHECK(place.lines() == Lines{"1 train", "1 valid"});
}

TEST_CASE("a run that stopped early at the end of a phase does not go on when it is resumed") {
  const Place place;
  const std::vector<std::string> sets = {"train.epochs=~", "phases=[{epochs: 2}, {epochs: 2}]",
                                         "train.stop={patience: 1, min_delta: 1000}"};
  REQUIRE(place.train(sets).exit_code == 0);
  CHECK(place.exit()["outcome"] == "stopped early");
  CHECK(place.exit()["epoch"] == 2);
  const std::vector<std::string> lines = place.lines();
  REQUIRE(place.dltool({"resume", place.run}).exit_code == 0);
  CHECK(place.exit()["outcome"] == "stopped early");
  CHECK(place.lines() == lines);
}

TEST_CASE("a loss that is not finite is one to stop at, though its gradient be finite") {
  const Place place("1,3e25");
  const ProgramResult result = place.train({"data.split.valid=1"});
  CHECK_MESSAGE(result.exit_code == 8, result.err);
  CHECK(place.exit()["outcome"] == "diverged");
}

TEST_CASE("running statistics that are not finite are reason to stop as well") {
  const Place place("3e38,2");
  const ProgramResult result = place.train({"data.split.valid=1"});
  CHECK_MESSAGE(result.exit_code == 8, result.err);
}

TEST_CASE("a step that is left out leaves the running statistics as they were") {
  for (const std::string accumulated : {"10", "20"}) {
    CAPTURE(accumulated);
    const Place place("3e38,2");
    const ProgramResult result =
        place.train({"data.split.valid=1", "train.on_nonfinite=skip",
                     "train.effective_batch=" + accumulated, "data.drop_last=false"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    CHECK(result.err.find("left out: a loss, a gradient or a running statistic is not finite") !=
          std::string::npos);
    const SafetensorsFile model =
        SafetensorsFile::read(place.run + "/checkpoints/last/model.safetensors");
    for (const char* name : {"bn.running_mean", "bn.running_var", "fc.weight"}) {
      float value = 0;
      std::memcpy(&value, model.find(name)->bytes.data(), sizeof value);
      CAPTURE(name);
      CHECK(std::isfinite(value));
      CHECK(std::abs(value) < 100);
    }
  }
}

}  // namespace dl::test
