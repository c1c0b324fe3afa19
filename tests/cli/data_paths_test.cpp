#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// A run finds the data that it was trained on, wherever it is asked from.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: paths
data: {source: {csv: {train: train.csv, test: test.csv, target: y}}, batch: 4}
model: {layers: [linear: {out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1, threads: 1}
)";

void write_table(const std::string& path, int rows) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream file(path);
  file << "x,y\n";
  for (int i = 0; i < rows; ++i) file << i << ',' << (i % 2 ? "odd" : "even") << '\n';
}

ProgramResult dltool_in(const std::string& folder, const std::vector<std::string>& arguments) {
  return run_program(dl::test::dltool_binary(), arguments, folder);
}

/// How many samples of test `eval` sees.
int samples(const std::string& folder, const std::string& run) {
  const ProgramResult result = dltool_in(folder, {"eval", run, "--json"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return json::parse(result.out)["samples"];
}

}  // namespace

TEST_CASE("relative paths of a run start where it was started") {
  const TempFolder folder;
  const std::string begun = folder / "begun", other = folder / "other";
  write_table(begun + "/train.csv", 20);
  write_table(begun + "/test.csv", 6);
  write_table(other + "/train.csv", 20);
  write_table(other + "/test.csv", 9);
  std::ofstream(begun + "/c.yaml") << kConfig;
  REQUIRE(dltool_in(begun, {"train", "c.yaml", "--run", "run"}).exit_code == 0);
  CHECK(samples(begun, "run") == 6);
  CHECK(samples("/", begun + "/run") == 6);
  CHECK(samples(other, "../begun/run") == 6);
  const ProgramResult resumed =
      dltool_in(other, {"resume", "../begun/run", "--set", "train.epochs=2"});
  CHECK_MESSAGE(resumed.exit_code == 0, resumed.err);
  // A run that was moved, to where there is data of those names.
  fs::rename(begun + "/run", other + "/run");
  fs::remove_all(begun);
  CHECK(samples(other, "run") == 9);
}

TEST_CASE("a run whose data has moved says how to tell it where") {
  const TempFolder folder;
  const std::string place = folder / "here";
  fs::create_directories(place);
  write_table(place + "/train.csv", 20);
  write_table(place + "/test.csv", 6);
  std::ofstream(place + "/c.yaml") << kConfig;
  REQUIRE(dltool_in(place, {"train", "c.yaml", "--run", "run"}).exit_code == 0);
  fs::create_directories(place + "/away");
  fs::rename(place + "/train.csv", place + "/away/train.csv");
  const ProgramResult moved = dltool_in(place, {"resume", "run", "--set", "train.epochs=2"});
  CHECK(moved.exit_code == 4);
  CHECK_MESSAGE(
      moved.err.find("dltool resume run --set data.source.csv.KEY=PATH") != std::string::npos,
      moved.err);
  const ProgramResult found = dltool_in(place, {"resume", "run", "--set", "train.epochs=2", "--set",
                                                "data.source.csv.train=away/train.csv"});
  CHECK_MESSAGE(found.exit_code == 0, found.err);
}

TEST_CASE("a run finds the data folder that it was trained with") {
  const TempFolder folder;
  fs::create_directories(folder / "tree/configs");
  const std::string config = folder / "tree/configs/c.yaml", run = folder / "elsewhere";
  write_table(folder / "tree/data/train.csv", 20);
  write_table(folder / "tree/data/test.csv", 6);
  write_table(folder / "given/test.csv", 9);
  std::string text = kConfig;
  text.replace(text.find("train.csv"), 9, "'@data/train.csv'");
  text.replace(text.find("test.csv"), 8, "'@data/test.csv'");
  std::ofstream(config) << text;
  REQUIRE(dltool_in("/", {"train", config, "--run", run}).exit_code == 0);
  CHECK(samples("/", run) == 6);
  const ProgramResult given = dltool_in("/", {"eval", run, "--json", "--data", folder / "given"});
  CHECK(json::parse(given.out)["samples"] == 9);
  std::ofstream(run + "/paths.json") << "{";
  const ProgramResult damaged = dltool_in("/", {"eval", run});
  CHECK(damaged.exit_code == 5);
  CHECK(damaged.err.find("paths.json: damaged") != std::string::npos);
}

}  // namespace dl::test
