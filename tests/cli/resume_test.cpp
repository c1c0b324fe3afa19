#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// All that has a state: dropout, running statistics, momentum, averages, plateau, half-done steps,
// random crops, an epoch that ends in a small batch.
constexpr const char* kConfig = R"(
version: 1
name: resume
seed: 7
data:
  source: {synthetic: {shape: [2, 8, 8], classes: 4, samples: 52, test_samples: 12, noise: 2}}
  batch: 4
  drop_last: false
  split: {valid: 10}
  transforms: {train: [random_crop: {padding: 1}]}
model:
  layers:
    - conv: {out_channels: 4, kernel_size: 3}
    - batch_norm
    - relu
    - dropout: {p: 0.3}
    - flatten
    - linear: {out_features: $data.classes}
loss: cross_entropy
optimizer: {sgd: {lr: 0.05, momentum: 0.9}}
schedule: {plateau: {patience: 1, factor: 0.5}}
train:
  epochs: 6
  effective_batch: 8
  ema: {decay: 0.9}
  threads: 2
  checkpoint: {every: {steps: 3}, keep: 2}
diagnostics: {every: 2}
)";

ProgramResult dltool(const std::vector<std::string>& arguments) {
  return run_program(dl::test::dltool_binary(), arguments);
}

/// A folder with the config, and a run that nobody disturbed.
struct Runs {
  TempFolder folder;
  std::string config = folder / "config.yaml", whole = folder / "whole";

  Runs() {
    std::ofstream(config) << kConfig;
    const ProgramResult result = train(whole);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  ProgramResult train(const std::string& run, const std::string& set = "train.log_every=10") const {
    return dltool({"train", config, "--run", run, "--set", set});
  }
};

/// One for all tests of this file: only their own runs differ.
const Runs& shared_runs() {
  static const Runs runs;
  return runs;
}

/// The lines without what no two runs have in common.
std::vector<json> metrics(const std::string& run) {
  std::vector<json> lines;
  std::ifstream in(run + "/metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line));
    for (const char* time : {"samples_per_second", "seconds", "wait_share"})
      lines.back().erase(time);
  }
  return lines;
}

json state(const std::string& run) {
  json state = json::parse(read_file(run + "/checkpoints/last/state.json"));
  // The sizes follow from how long the times are when they are written.
  for (const char* time : {"elapsed_seconds", "jsonl_bytes", "csv_bytes"}) state.erase(time);
  for (const char* time : {"seconds", "wait_seconds"}) state["sums"].erase(time);
  return state;
}

void check_same_bits(const std::string& run, const std::string& other) {
  for (const std::string link : {"last", "best"}) {
    for (const std::string file : {"model", "optim", "ema"}) {
      CAPTURE(link);
      CAPTURE(file);
      const std::string name = "/checkpoints/" + link + "/" + file + ".safetensors";
      const Bytes bytes = read_bytes(other + name);
      CHECK(!bytes.empty());
      CHECK((read_bytes(run + name) == bytes));
    }
  }
}

void check_same(const std::string& run, const std::string& other) {
  check_same_bits(run, other);
  CHECK(metrics(run) == metrics(other));
  CHECK(state(run) == state(other));
  const std::string diagnostics = read_file(other + "/diagnostics.jsonl");
  CHECK(!diagnostics.empty());
  CHECK(read_file(run + "/diagnostics.jsonl") == diagnostics);
  std::ifstream csv(run + "/metrics.csv");
  std::size_t lines = 0;
  for (std::string line; std::getline(csv, line);) ++lines;
  CHECK(lines == metrics(other).size() + 1);
}

/// The newest checkpoint's step; -1: none yet.
int last_step(const std::string& run) {
  std::error_code none;
  const std::string name = fs::read_symlink(run + "/checkpoints/last", none).string();
  return name.empty() ? -1 : std::stoi(name.substr(std::string("step-").size()));
}

/// Waits until the run has saved a checkpoint of this step or a later one, or has ended.
void wait_for_step(RunningProgram& program, const std::string& run, int step) {
  REQUIRE(wait_until([&] { return last_step(run) >= step || program.ended(); }));
}

/// Trains into `run` and sends `signal` once the checkpoint of `step` is there. Starts over where
/// the run was at its end before the signal came, as it may be on a busy machine.
ProgramResult interrupted_at(int step, int signal, const std::string& run,
                             std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "train");
  arguments.insert(arguments.end(), {"--run", run});
  for (int attempt = 0;; ++attempt) {
    RunningProgram program(dl::test::dltool_binary(), arguments);
    wait_for_step(program, run, step);
    program.signal(signal);
    const ProgramResult result = program.wait();
    if (result.exit_code != 0 || attempt == 20) return result;
    fs::remove_all(run);
  }
}

}  // namespace

TEST_CASE("a run that is killed again and again ends with the bits of one that was not") {
  const Runs& runs = shared_runs();
  std::mt19937 random(1);
  int killed = 0;
  for (int trial = 0; trial < 2 || (killed < 4 && trial < 20); ++trial) {
    CAPTURE(trial);
    const std::string run = runs.folder / ("killed" + std::to_string(trial));
    for (int kills = 0; kills < 7; ++kills) {
      const bool begun = fs::exists(run + "/config.resolved.yaml");
      if (!begun) fs::remove_all(run);
      RunningProgram program(dl::test::dltool_binary(),
                             begun ? std::vector<std::string>{"resume", run}
                                   : std::vector<std::string>{"train", runs.config, "--run", run});
      // The first kills come before or at the first checkpoint, later ones each somewhat further.
      if (kills > 1) wait_for_step(program, run, std::max(last_step(run), 0) + 3);
      sleep_milliseconds(static_cast<int>(random() % 100));
      program.signal(SIGKILL);
      const int exit_code = program.wait().exit_code;
      if (exit_code == 0) break;  // it was faster
      REQUIRE(exit_code == 1000 + SIGKILL);
      ++killed;
    }
    const ProgramResult result = dltool({"resume", run});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    check_same(run, runs.whole);
  }
  CHECK(killed >= 4);
}

TEST_CASE(
    "a run that a signal stops saves, says so by its exit code, and goes on to the same bits") {
  const Runs& runs = shared_runs();
  int step = 0;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    CAPTURE(number);
    const int code = 128 + number;
    step += 8;  // in the second epoch, the third and the fifth
    const std::string run = runs.folder / ("stopped" + std::to_string(number));
    const ProgramResult stopped = interrupted_at(step, number, run, {runs.config});
    CHECK_MESSAGE(stopped.exit_code == code, stopped.err);
    CHECK(json::parse(read_file(run + "/exit.json"))["exit_code"] == code);
    const ProgramResult result = dltool({"resume", run});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    check_same(run, runs.whole);
  }
}

TEST_CASE("SIGUSR1 saves a checkpoint and changes nothing else") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "saved";
  RunningProgram program(dl::test::dltool_binary(), {"train", runs.config, "--run", run});
  wait_for_step(program, run, 3);
  program.signal(SIGUSR1);
  const ProgramResult result = program.wait();
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.err.find("saved " + run + "/checkpoints/step-00000003\n") != std::string::npos);
  check_same(run, runs.whole);
}

TEST_CASE("exit.json tells how a run ended, and is gone while it goes on") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "goes-on";
  REQUIRE(runs.train(run, "train.max_steps=7").exit_code == 0);
  CHECK(fs::exists(run + "/exit.json"));
  RunningProgram program(dl::test::dltool_binary(), {"resume", run, "--set", "train.max_steps=~",
                                                     "--set", "train.epochs=100000"});
  wait_for_step(program, run, 12);
  program.signal(SIGKILL);
  program.wait();
  CHECK(!fs::exists(run + "/exit.json"));
}

TEST_CASE("a signal during the last evaluation interrupts the run, and resuming gives its result") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "judged", source = "data.source.synthetic.";
  const ProgramResult stopped = interrupted_at(
      1, SIGTERM, run,
      {runs.config, "--set", source + "test_samples=50000", "--set", "data.eval_batch=1", "--set",
       "train.threads=1", "--set", "train.max_steps=1", "--require", "test/loss<=1e9"});
  CHECK_MESSAGE(stopped.exit_code == 143, stopped.err);
  CHECK(json::parse(read_file(run + "/exit.json"))["outcome"] == "interrupted");
  const ProgramResult result = dltool({"resume", run});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const json exit = json::parse(read_file(run + "/exit.json"));
  CHECK(exit["outcome"] == "reached max_steps");
  CHECK(exit.contains("test"));
}

TEST_CASE("the same seed gives the same bits, another seed gives others") {
  const Runs& runs = shared_runs();
  REQUIRE(runs.train(runs.folder / "again").exit_code == 0);
  check_same(runs.folder / "again", runs.whole);
  REQUIRE(runs.train(runs.folder / "other", "seed=8").exit_code == 0);
  const std::string model = "/checkpoints/last/model.safetensors";
  CHECK((read_bytes(runs.folder / ("other" + model)) != read_bytes(runs.whole + model)));
}

TEST_CASE("preparing batches ahead changes no bit") {
  const Runs& runs = shared_runs();
  for (const std::string ahead : {"0", "2"}) {
    const ProgramResult result = runs.train(runs.folder / ahead, "data.prefetch=" + ahead);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    check_same_bits(runs.folder / ahead, runs.whole);
    CHECK(metrics(runs.folder / ahead) == metrics(runs.whole));
  }
}

TEST_CASE("looking into the network changes no bit of it") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "unseen";
  const ProgramResult result = runs.train(run, "diagnostics=~");
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  check_same_bits(run, runs.whole);
  CHECK(metrics(run) == metrics(runs.whole));
  CHECK(!fs::exists(run + "/diagnostics.jsonl"));
}

TEST_CASE("steps that are done again after a resume are diagnosed once") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "ahead";
  REQUIRE(runs.train(run, "train.max_steps=7").exit_code == 0);
  // As a run leaves it that is killed before its next checkpoint: with more lines, the last one
  // torn.
  std::ofstream(run + "/diagnostics.jsonl", std::ios::app)
      << R"({"epoch":2,"step":8,"layer":"conv1","type":"conv","gradient_norm":1})"
      << "\n{\"epoch\":2,\"st";
  const ProgramResult result = dltool({"resume", run, "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  check_same(run, runs.whole);
}

TEST_CASE("a run that died before its first checkpoint starts again") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "early";
  REQUIRE(runs.train(run).exit_code == 0);
  fs::remove_all(run + "/checkpoints");  // the metrics of the first try are still there
  const ProgramResult result = dltool({"resume", run});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.err.find("starts again") != std::string::npos);
  check_same(run, runs.whole);
}

TEST_CASE("a run from given weights that died early starts again from those weights") {
  const Runs& runs = shared_runs();
  const std::string weights = runs.whole + "/checkpoints/last/model.safetensors";
  for (const char* run : {"init", "killed"}) {
    const ProgramResult result = dltool({"train", runs.config, "--run", runs.folder / run, "--init",
                                         weights, "--set", "train.checkpoint.keep=100"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  const std::string run = runs.folder / "killed";
  for (const auto& entry : fs::directory_iterator(run + "/checkpoints")) {
    if (entry.path().filename() != "step-00000000") fs::remove_all(entry.path());
  }
  const ProgramResult result = dltool({"resume", run});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  check_same(run, runs.folder / "init");
}

TEST_CASE("a run that has ended ends again without another step") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "steps";
  REQUIRE(runs.train(run, "train.max_steps=7").exit_code == 0);
  const json before = state(run);
  CHECK(before["step"] == 7);
  REQUIRE(dltool({"resume", run}).exit_code == 0);
  CHECK(state(run) == before);
  const ProgramResult result = dltool({"resume", run, "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  check_same(run, runs.whole);
}

TEST_CASE("how a run ended is no longer there when it goes on") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "goes_on";
  REQUIRE(runs.train(run, "train.max_steps=7").exit_code == 0);
  CHECK(fs::exists(run + "/exit.json"));
  RunningProgram program(dl::test::dltool_binary(), {"resume", run, "--set", "train.max_steps=~",
                                                     "--set", "train.epochs=100000"});
  wait_for_step(program, run, 9);
  program.signal(SIGKILL);
  CHECK(program.wait().exit_code == 1000 + SIGKILL);
  CHECK(!fs::exists(run + "/exit.json"));
}

TEST_CASE("losses that are not finite do not make a checkpoint unreadable") {
  const Runs& runs = shared_runs();
  const std::string run = runs.folder / "nan";
  const ProgramResult trained =
      dltool({"train", runs.config, "--run", run, "--set", "optimizer.sgd.lr=1e38", "--set",
              "train.on_nonfinite=skip", "--set", "train.max_steps=4"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const std::string text = read_file(run + "/checkpoints/last/state.json");
  const bool written =
      text.find("\"nan\"") != std::string::npos || text.find("\"inf\"") != std::string::npos;
  CHECK_MESSAGE(written, text);
  const ProgramResult resumed = dltool({"resume", run, "--set", "train.max_steps=5"});
  CHECK_MESSAGE(resumed.exit_code == 0, resumed.err);
}

}  // namespace dl::test
