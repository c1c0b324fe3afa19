#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// A run that is not what it was: every command that reads it says so.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: damage
vars: {rate: 0.05}
data:
  source: {synthetic: {shape: [2, 8, 8], classes: 4, samples: 52, test_samples: 12, noise: 2}}
  batch: 4
  split: {valid: 10}
  transforms: {train: [normalize: {mean: 0.305, std: 0.4}], eval: [normalize: {mean: 0.305, std: 0.4}]}
model: {layers: [flatten, linear: {name: fc, out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: $rate}}
train: {epochs: 4, threads: 1, checkpoint: {every: {steps: 5}, keep: 9}}
)";

ProgramResult dltool(const std::vector<std::string>& arguments) {
  return run_program(dl::test::dltool_binary(), arguments);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A trained run, of which each test takes a copy.
struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml", whole = folder / "whole";

  Place() {
    std::ofstream(config) << kConfig;
    const ProgramResult result = dltool({"train", config, "--run", whole});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  std::string copy() const {
    static int number = 0;
    const std::string run = folder / ("run" + std::to_string(++number));
    fs::copy(whole, run, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return run;
  }
};

const Place& shared_place() {
  static const Place place;
  return place;
}

std::string best_of(const std::string& run) {
  return run + "/checkpoints/" + fs::read_symlink(run + "/checkpoints/best").string();
}

void replace_in(const std::string& path, const std::string& what, const std::string& by) {
  std::string text = read_file(path);
  const std::size_t at = text.find(what);
  REQUIRE_MESSAGE(at != std::string::npos, text);
  std::ofstream(path) << text.replace(at, what.size(), by);
}

/// Every command that takes weights from a run.
std::vector<std::vector<std::string>> readers(const std::string& run) {
  const Place& place = shared_place();
  return {{"eval", run, "--json"},
          {"predict", run, "--split", "valid"},
          {"export", run, "--to", "safetensors", "-o", run + "/out.safetensors"},
          {"finetune", place.config, "--from", run, "--run", run + "/tuned"}};
}

}  // namespace

TEST_CASE("a damaged best checkpoint is named by every command, and refused to who asks for it") {
  const Place& place = shared_place();
  for (const char* file : {"MANIFEST", "state.json"}) {
    CAPTURE(file);
    const std::string run = place.copy();
    fs::remove(best_of(run) + "/" + file);
    for (std::vector<std::string> command : readers(run)) {
      CAPTURE(command[0]);
      const ProgramResult result = dltool(command);
      CHECK_MESSAGE(result.exit_code == 0, result.err);
      CHECK_MESSAGE(holds(result.err, "is passed over"), result.err);
      CHECK_MESSAGE(holds(result.err, "the best checkpoint cannot be told"), result.err);
      fs::remove_all(run + "/tuned");
      command.insert(command.end(), {"--checkpoint", "best"});
      const ProgramResult named = dltool(command);
      CHECK_MESSAGE(named.exit_code == 5, named.err);
      CHECK_MESSAGE(holds(named.err, "best checkpoint was asked for"), named.err);
    }
    const ProgramResult path =
        dltool({"eval", run, "--checkpoint", run + "/checkpoints/best", "--json"});
    CHECK_MESSAGE(path.exit_code == 5, path.err);
  }
}

TEST_CASE("a config that has changed since its run was trained is refused by every reader") {
  const std::string run = shared_place().copy();
  replace_in(run + "/config.resolved.yaml", "0.305", "0.705");
  std::vector<std::vector<std::string>> commands = readers(run);
  commands.insert(commands.end(), {{"summary", run}, {"resume", run}});
  for (const std::vector<std::string>& command : commands) {
    CAPTURE(command[0]);
    const ProgramResult result = dltool(command);
    CHECK_MESSAGE(result.exit_code == 3, result.err);
    CHECK_MESSAGE(holds(result.err, "config.resolved.yaml has changed since"), result.err);
  }
  const ProgramResult compared = dltool({"compare", run, "--json"});
  CHECK_MESSAGE(holds(compared.out, "config.resolved.yaml has changed since"), compared.out);
}

TEST_CASE("what may change in a config may be changed by hand") {
  const std::string run = shared_place().copy();
  replace_in(run + "/config.resolved.yaml", "epochs: 4", "epochs: 5");
  CHECK(dltool({"eval", run}).exit_code == 0);
  const ProgramResult resumed = dltool({"resume", run});
  CHECK_MESSAGE(resumed.exit_code == 0, resumed.err);
}

TEST_CASE("paths.json, vars.yaml and env.json that have changed are not taken for what they were") {
  const std::string run = shared_place().copy();
  replace_in(run + "/vars.yaml", "0.05", "0.06");
  const ProgramResult compared = dltool({"compare", run, "--json"});
  CHECK_MESSAGE(holds(compared.out, "vars.yaml has changed since it was written"), compared.out);

  replace_in(run + "/env.json", "\"threads\": 1", "\"threads\": 2");
  const ProgramResult resumed = dltool({"resume", run});
  CHECK_MESSAGE(resumed.exit_code == 5, resumed.err);
  CHECK_MESSAGE(holds(resumed.err, "env.json has changed since it was written"), resumed.err);

  replace_in(run + "/paths.json", "\"data\": \"", "\"data\": \"/elsewhere");
  for (const std::vector<std::string>& command : readers(run)) {
    CAPTURE(command[0]);
    if (command[0] == "finetune") continue;  // it looks at names alone, and says that it cannot
    const ProgramResult result = dltool(command);
    CHECK_MESSAGE(result.exit_code == 5, result.err);
    CHECK_MESSAGE(holds(result.err, "paths.json has changed since it was written"), result.err);
  }
  // With --data nobody needs it.
  CHECK(dltool({"eval", run, "--data", "."}).exit_code == 0);
}

TEST_CASE("a run of an older version is read, and what cannot be told of it is said") {
  const std::string run = shared_place().copy();
  json paths = json::parse(read_file(run + "/paths.json"));
  paths.erase("sha256");
  std::ofstream(run + "/paths.json") << paths.dump(2) << "\n";
  const ProgramResult result = dltool({"eval", run});
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(holds(result.err, "paths.json has no checksum"), result.err);
}

TEST_CASE("resuming a run that has ended sets right what a killed writer left") {
  const std::string run = shared_place().copy();
  const std::string checkpoints = run + "/checkpoints/";
  const fs::path last = fs::read_symlink(checkpoints + "last"),
                 best = fs::read_symlink(checkpoints + "best");
  for (const char* link : {"last", "best"}) {
    fs::remove(checkpoints + link);
    fs::create_symlink("step-00000005", checkpoints + link);
  }
  fs::create_directory(checkpoints + ".tmp-40-1");
  const ProgramResult result = dltool({"resume", run, "--set", "train.checkpoint.keep=1"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(fs::read_symlink(checkpoints + "last") == last);
  CHECK(fs::read_symlink(checkpoints + "best") == best);
  const auto entries = std::distance(fs::directory_iterator(checkpoints), fs::directory_iterator());
  CHECK(entries == (last == best ? 3 : 4));  // with the links
}

TEST_CASE("a torn line of the metrics is cut off when the run goes on") {
  const std::string run = shared_place().copy();
  const std::string path = run + "/metrics.jsonl";
  const std::string whole = read_file(path);
  const std::size_t lines = std::ranges::count(whole, '\n');
  // The last line is that of test, which came after the last save; the one before it is torn.
  fs::resize_file(path, whole.rfind('\n', whole.size() - 2) - 20);
  const ProgramResult result = dltool({"resume", run, "--set", "train.epochs=5"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(holds(result.err, "its last line, which is torn, is cut off"), result.err);
  std::ifstream file(path);
  std::size_t parsed = 0;
  for (std::string line; std::getline(file, line); ++parsed) CHECK(json::accept(line));
  CHECK(parsed == lines - 2 + 3);
}

TEST_CASE("a folder in which a start died is trained, and never one that holds more") {
  const Place& place = shared_place();
  const std::string run = place.folder / "dead";
  fs::create_directory(run);
  for (const char* name : {".lock", "config.yaml", "env.json", "vars.yaml.tmp-1"})
    std::ofstream(run + "/" + name) << "";
  CHECK(dltool({"resume", run}).exit_code == 10);
  const ProgramResult result = dltool({"train", place.config, "--run", run});
  CHECK_MESSAGE(result.exit_code == 0, result.err);

  const std::string lost = place.copy();
  fs::remove(lost + "/config.resolved.yaml");
  const ProgramResult refused = dltool({"train", place.config, "--run", lost});
  CHECK_MESSAGE(refused.exit_code == 10, refused.err);
  CHECK(fs::exists(lost + "/checkpoints/last"));
}

TEST_CASE("a run folder that is removed while it trains ends the run with exit code 6") {
  const Place& place = shared_place();
  const std::string run = place.folder / "removed";
  RunningProgram program(dl::test::dltool_binary(),
                         {"train", place.config, "--run", run, "--set", "train.epochs=1000000"});
  REQUIRE(wait_until([&] { return fs::exists(run + "/checkpoints/last") || program.ended(); }));
  std::error_code error;
  while (fs::exists(run)) fs::remove_all(run, error);  // as rm -rf, until nothing is left
  const ProgramResult result = program.wait();
  CHECK_MESSAGE(result.exit_code == 6, result.err);
}

TEST_CASE("steps that are skipped one after the other end training once there are too many") {
  const Place& place = shared_place();
  const std::string run = place.folder / "skips";
  const ProgramResult result =
      dltool({"train", place.config, "--run", run, "--set", "vars.rate=1e38", "--set",
              "train.on_nonfinite=skip", "--set", "train.skip_limit=3"});
  CHECK_MESSAGE(result.exit_code == 8, result.err);
  CHECK_MESSAGE(holds(result.err, "more than train.skip_limit, 3, allows"), result.err);
}

TEST_CASE("data that have moved are named when a run goes on, and must be the same") {
  const Place& place = shared_place();
  const std::string here = place.folder / "table";
  fs::create_directories(here + "/data");
  const auto write_table = [](const std::string& path, int first) {
    std::ofstream file(path);
    file << "x,y\n";
    for (int i = 0; i < 20; ++i) file << first + i << ',' << (i % 2 ? "odd" : "even") << '\n';
  };
  write_table(here + "/data/t.csv", 0);
  std::ofstream(here + "/c.yaml")
      << "data: {source: {csv: {path: data/t.csv, target: y}}, batch: 4}\n"
         "model: {layers: [linear: {out_features: 2}]}\n"
         "loss: cross_entropy\n"
         "optimizer: {sgd: {lr: 0.1}}\n"
         "train: {epochs: 1, threads: 1}\n";
  const std::string run = here + "/run";
  // Paths start at the config, wherever the command runs.
  const ProgramResult trained =
      run_program(dl::test::dltool_binary(), {"train", here + "/c.yaml", "--run", run}, "/");
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  fs::create_directory(here + "/moved");
  fs::rename(here + "/data/t.csv", here + "/moved/t.csv");
  CHECK(dltool({"resume", run, "--set", "train.epochs=2"}).exit_code == 4);
  const ProgramResult other_key = dltool({"resume", run, "--set", "data.source.csv.target=x"});
  CHECK_MESSAGE(other_key.exit_code == 2, other_key.err);
  write_table(here + "/moved/other.csv", 1);
  const ProgramResult other =
      run_program(dl::test::dltool_binary(),
                  {"resume", run, "--set", "data.source.csv.path=moved/other.csv"}, here);
  CHECK_MESSAGE(other.exit_code == 4, other.err);
  const ProgramResult resumed = run_program(
      dl::test::dltool_binary(),
      {"resume", run, "--set", "train.epochs=2", "--set", "data.source.csv.path=moved/t.csv"},
      here);
  REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
  CHECK(dltool({"resume", run, "--set", "train.epochs=3"}).exit_code == 0);  // it was kept
  CHECK(dltool({"eval", run, "--split", "train"}).exit_code == 0);
}

}  // namespace dl::test
