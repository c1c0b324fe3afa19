#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: small
data: {source: {synthetic: {shape: [4], classes: 3, samples: 60, test_samples: 12}}, batch: 10, split: {valid: 20}}
model: {layers: [linear: {out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 2, threads: 2}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "small.yaml", run = folder / "run";
  Place() { std::ofstream(config) << kConfig; }

  ProgramResult train(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"train", config, "--run", run});
    return dltool(more);
  }
  static ProgramResult dltool(const std::vector<std::string>& arguments,
                              const std::string& folder = "") {
    return run_program(dl::test::dltool_binary(), arguments, folder);
  }
};

void check_fails(const ProgramResult& result, int code, const std::string& message) {
  CHECK_MESSAGE(result.exit_code == code, result.err);
  CHECK_MESSAGE(result.err.find(message) != std::string::npos, result.err);
}

void flip_last_byte(const std::string& path) {
  Bytes bytes = read_bytes(path);
  REQUIRE(!bytes.empty());
  bytes.back() ^= 1;
  write_bytes(path, bytes);
}

}  // namespace

TEST_CASE("a command line that makes no sense ends with 2 and says what is wrong") {
  const Place place;
  check_fails(place.dltool({}), 2, "A subcommand is required");
  check_fails(place.dltool({"trian", place.config}), 2, "did you mean 'train'");
  check_fails(place.dltool({"train"}), 2, "config is required");
  check_fails(place.dltool({"resume"}), 2, "run is required");
  check_fails(place.dltool({"check", place.config, "--jsn"}), 2, "--jsn");
  for (const std::string time : {"soon", "-3s", "0", "2y", ""})
    check_fails(place.train({"--max-time=" + time + (time.empty() ? "h" : "")}), 2, "--max-time");
  for (const std::string text :
       {"top1>=0.5", "valid/top1", "valid/top1>=high", "train/loss<=1", ""})
    check_fails(place.train({"--require", text.empty() ? ">=" : text}), 2, "--require");
  check_fails(place.dltool({"docs", "layer", "cnov"}), 2, "did you mean 'conv'");
  CHECK(!fs::exists(place.run));  // none of them got as far as the run's folder
}

TEST_CASE("verbs on trained networks want one name of the weights, and a run that is there") {
  const Place place;
  const std::vector<std::string> export_to = {"export", "--to", "onnx", "-o", place.folder / "o"};
  for (std::vector<std::string> verb :
       {std::vector<std::string>{"eval"}, {"predict"}, {"generate"}, export_to}) {
    std::vector<std::string> nowhere = verb;
    nowhere.push_back(place.folder / "nowhere");
    check_fails(place.dltool(nowhere), 10, "no run and no config at");
    verb.insert(verb.end(), {place.config, "--weights", "w.safetensors", "--checkpoint", "best"});
    check_fails(place.dltool(verb), 2, "give one of them");
  }
  check_fails(place.dltool({"bench", place.config, "--steps", "0"}), 2,
              "--steps: Value 0 not in range");
}

TEST_CASE(
    "a result that cannot be written ends with 6, and a closed stream is no file of the run") {
  const Place place;
  const auto shell = [&](const std::string& rest) {
    return run_program("/bin/sh", {"-c", "exec \"$0\" \"$@\" " + rest, dl::test::dltool_binary(),
                                   "check", place.config});
  };
  check_fails(shell("> /dev/full"), 6, "No space left");
  CHECK(shell(">&-").exit_code == 0);
  const ProgramResult train = run_program(
      "/bin/sh", {"-c", "exec \"$0\" \"$@\" >&- 2>&-", dl::test::dltool_binary(), "train",
                  place.config, "--run", place.run, "--set", "train.log_every=1"});
  CHECK(train.exit_code == 0);
  std::ifstream metrics(place.run + "/metrics.jsonl");
  std::size_t lines = 0;
  for (std::string line; std::getline(metrics, line); ++lines) CHECK(json::accept(line));
  CHECK(lines == 5);
  const ProgramResult docs = run_program(
      "/bin/sh", {"-c", "exec \"$0\" docs schema > /dev/full", dl::test::dltool_binary()});
  check_fails(docs, 6, "No space left");
}

TEST_CASE("a run goes on when nobody reads its progress") {
  const Place place;
  const auto train = [&](const std::string& rest) {
    fs::remove_all(place.run);
    return run_program("/bin/sh", {"-c", "\"$0\" train \"$1\" --run \"$2\" " + rest,
                                   dl::test::dltool_binary(), place.config, place.run});
  };
  const auto outcome = [&] {
    REQUIRE(wait_until([&] { return fs::exists(place.run + "/exit.json"); }));
    return json::parse(read_file(place.run + "/exit.json"))["outcome"];
  };
  CHECK(train("2> /dev/full").exit_code == 0);
  CHECK(outcome() == "completed");
  CHECK(train("2>&1 > /dev/null | head -n 1").exit_code == 0);
  CHECK(outcome() == "completed");
  check_fails(train("> /dev/full"), 6, "cannot write the result");
  CHECK(outcome() == "completed");
  CHECK(json::parse(read_file(place.run + "/exit.json"))["exit_code"] == 6);
}

TEST_CASE("who reads no more of a pipe has seen enough: that is no failure") {
  const Place place;
  /// The program's own exit code, and what the first line of its output and its errors are.
  const auto head = [&](const std::string& arguments, const std::string& both) {
    const std::string code = place.folder / "code";
    fs::remove(code);
    ProgramResult result = run_program(
        "/bin/sh",
        {"-c", "{ \"$0\" " + arguments + "; echo $? > \"$3\"; } " + both + " | head -n 1",
         dl::test::dltool_binary(), place.config, place.run, code});
    REQUIRE(wait_until([&] { return fs::exists(code) && fs::file_size(code) > 0; }));
    result.exit_code = std::stoi(read_file(code));
    return result;
  };
  CHECK(head("train \"$1\" --run \"$2\"", "2>&1").exit_code == 0);
  CHECK(json::parse(read_file(place.run + "/exit.json"))["exit_code"] == 0);
  // More than a pipe holds.
  const std::string data = "--set data.source.synthetic.samples=20000";
  const std::string predict = "predict \"$2\" --split train ";
  for (const std::string& verb : std::vector<std::string>{
           predict + data, predict + "-o /dev/stdout " + data, "docs schema", "docs layers"}) {
    CAPTURE(verb);
    const ProgramResult result = head(verb, "");
    CHECK(result.exit_code == 0);
    CHECK(result.err.empty());
    CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
  }
}

TEST_CASE("paths that are no UTF-8 are escaped where JSON is printed") {
  const Place place;
  const std::string bad = place.folder / "bad\xff.yaml", run = place.folder / "run\xff";
  std::ofstream(bad) << "name: x\n";
  const ProgramResult checked = place.dltool({"check", bad, "--json"});
  CHECK_MESSAGE(checked.exit_code == 3, checked.err);
  CHECK(json::accept(checked.out));
  REQUIRE(place.dltool({"train", place.config, "--run", run}).exit_code == 0);
  const ProgramResult evaluated = place.dltool({"eval", run, "--json"});
  CHECK_MESSAGE(evaluated.exit_code == 0, evaluated.err);
  CHECK(json::accept(evaluated.out));
}

TEST_CASE("a bad config ends with 3 and the messages of the error table") {
  const fs::path errors = fs::path(dl::test::source_path("tests/errors"));
  for (const std::string name : {"bad_unknown_layer", "bad_duplicate_key", "bad_unknown_section",
                                 "bad_yaml_tab", "bad_overflow", "bad_cyclic", "bad_empty"}) {
    CAPTURE(name);
    const ProgramResult result = Place::dltool({"check", name + ".yaml"}, errors.string());
    CHECK(result.exit_code == 3);
    CHECK(result.err == read_file((errors / (name + ".expected")).string()));
    CHECK(result.out.empty());
  }
}

TEST_CASE("check --json tells file, line and column of every error") {
  const fs::path errors = fs::path(dl::test::source_path("tests/errors"));
  const ProgramResult result =
      Place::dltool({"check", "bad_unknown_layer.yaml", "--json"}, errors.string());
  CHECK(result.exit_code == 3);
  const json out = json::parse(result.out);
  CHECK(out["ok"] == false);
  CHECK(out["exit_code"] == 3);
  REQUIRE(out["errors"].size() == 2);
  CHECK(out["errors"][0]["file"] == "bad_unknown_layer.yaml");
  CHECK(out["errors"][0]["line"] == 4);
  CHECK(out["errors"][0]["column"] == 7);
  CHECK(out["errors"][1]["line"] == 5);
}

TEST_CASE(
    "what only a run could trip over is an error of the config, before there is a run folder") {
  const Place place;
  const std::string split = "data.split={valid: 0}";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"train.monitor=valid/top3"}, "'valid/top3' is no metric of this run"},
      {{"train.monitor=train/auc"}, "the metrics of train are loss, top1"},
      {{"train.monitor=test/loss"}, "'test/loss' is no metric"},
      {{"train.monitor=valid/loss", split}, "there is no validation data"},
      {{"train.stop={patience: 1}", split}, "watch a metric"},
      {{"schedule={plateau: {factor: 0.5}}", split}, "watch a metric"},
      {{"data.classes=2"}, "data: classes is 2, but the source has 3"},
  };
  for (const auto& [sets, message] : cases) {
    std::vector<std::string> arguments;
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    check_fails(place.train(arguments), 3, message);
    arguments.insert(arguments.begin(), {"check", place.config});
    check_fails(place.dltool(arguments), 3, message);
  }
  CHECK(!fs::exists(place.run));
}

TEST_CASE("data that is missing or damaged ends with 4 and no run folder") {
  const Place place;
  const std::string config = dl::test::source_path("configs/mnist/mlp.yaml");
  const std::string data = place.folder / "data";
  const auto train = [&] {
    return place.dltool({"train", config, "--data", data, "--run", place.run});
  };
  check_fails(train(), 4, "train-images-idx3-ubyte");
  write_mnist(data + "/mnist", 200, 20);
  fs::resize_file(data + "/mnist/train-images-idx3-ubyte", 1000);
  check_fails(train(), 4, "train-images-idx3-ubyte");
  CHECK(!fs::exists(place.run));
}

TEST_CASE("a file that cannot be read is named with the reason, and too large a batch by its key") {
  const Place place;
  check_fails(place.dltool({"check", "/proc/self/mem"}), 3,
              "cannot read '/proc/self/mem': Input/output error");
  check_fails(place.train({"--set", "data.batch=41"}), 4,
              "data: batch: train has 40 samples, fewer than one batch of 41");
  CHECK_FALSE(fs::exists(place.run));
}

TEST_CASE("weights that are damaged end with 5") {
  const Place place;
  const std::string weights = place.folder / "weights.safetensors";
  write_bytes(weights, {'n', 'o', ' ', 't', 'e', 'n', 's', 'o', 'r', 's'});
  check_fails(place.train({"--init", weights}), 5, "weights.safetensors");
  check_fails(place.train({"--init", place.folder / "nowhere.safetensors"}), 5, "nowhere");
  CHECK(!fs::exists(place.run));  // it would be in the way of the next try
}

TEST_CASE("resume passes over damaged checkpoints, and ends with 5 when no whole one is left") {
  const Place place;
  const ProgramResult trained = place.train({"--set", "train.checkpoint.every={epochs: 1}"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  std::vector<std::string> models;
  for (const auto& entry : fs::directory_iterator(place.run + "/checkpoints")) {
    if (!entry.is_symlink()) models.push_back(entry.path().string() + "/model.safetensors");
  }
  std::sort(models.begin(), models.end());
  REQUIRE(models.size() == 2);
  flip_last_byte(models.back());
  const ProgramResult resumed = place.dltool({"resume", place.run});
  check_fails(resumed, 0, "is passed over");
  for (const auto& entry : fs::directory_iterator(place.run + "/checkpoints")) {
    if (!entry.is_symlink()) flip_last_byte(entry.path().string() + "/model.safetensors");
  }
  check_fails(place.dltool({"resume", place.run}), 5, "no checkpoint is left");
}

TEST_CASE("a run folder that cannot be made ends with 6") {
  const Place place;
  check_fails(place.dltool({"train", place.config, "--run", place.config + "/run"}), 6,
              "no run folder");
}

TEST_CASE("a run that fails on its way says in exit.json how, and can be resumed") {
  const Place place;
  // The limit on a file's size lets everything be written but a checkpoint.
  const ProgramResult result =
      run_program("/bin/sh", {"-c",
                              "ulimit -f 64; exec \"$0\" train \"$1\" --run \"$2\" --set "
                              "'data.source.synthetic.shape=[10000]'",
                              dl::test::dltool_binary(), place.config, place.run});
  check_fails(result, 6, "File too large");
  const json exit = json::parse(read_file(place.run + "/exit.json"));
  CHECK(exit["outcome"] == "failed");
  CHECK(exit["exit_code"] == 6);
  CHECK(exit["error"].get<std::string>() + "\n" == result.err.substr(result.err.find("error: ")));
  const ProgramResult compared = place.dltool({"compare", place.run});
  CHECK_MESSAGE(compared.exit_code == 0, compared.err);
  CHECK(compared.out.find("failed") != std::string::npos);
  const ProgramResult resumed = place.dltool({"resume", place.run});
  CHECK_MESSAGE(resumed.exit_code == 0, resumed.err);
  CHECK(json::parse(read_file(place.run + "/exit.json"))["outcome"] == "completed");
}

TEST_CASE("a run that diverges ends with 8 and says so") {
  const Place place;
  const ProgramResult result =
      place.train({"--set", "optimizer.sgd.lr=3e38", "--set", "train.on_nonfinite=stop"});
  check_fails(result, 8, "not finite");
  CHECK(json::parse(read_file(place.run + "/exit.json"))["outcome"] == "diverged");
}

TEST_CASE("a run folder that exists, and a resume of nothing, end with 10") {
  const Place place;
  REQUIRE(place.train().exit_code == 0);
  const std::string before = read_file(place.run + "/metrics.jsonl");
  check_fails(place.train(), 10, "exists already");
  CHECK(read_file(place.run + "/metrics.jsonl") == before);
  const ProgramResult other = place.dltool({"train", place.config, "--run", place.folder.path()});
  check_fails(other, 10, "name another folder");
  CHECK(other.err.find("dltool resume") == std::string::npos);  // it is no run
  check_fails(place.dltool({"resume", place.folder / "nothing"}), 10, "no run to go on with");
  check_fails(place.dltool({"resume", place.folder.path()}), 10, "no run to go on with");
}

TEST_CASE("of two runs on one folder exactly one wins, and the other changes nothing") {
  const Place place;
  const std::vector<std::string> train = {"train",   place.config, "--run",
                                          place.run, "--set",      "train.epochs=60"};
  RunningProgram first(dl::test::dltool_binary(), train), second(dl::test::dltool_binary(), train);
  const ProgramResult one = first.wait(), two = second.wait();
  const ProgramResult &winner = one.exit_code == 0 ? one : two,
                      &loser = one.exit_code == 0 ? two : one;
  CHECK_MESSAGE(winner.exit_code == 0, winner.err);
  // 10 where the winner was done before the loser looked.
  const bool lost = loser.exit_code == 11 || loser.exit_code == 10;
  CHECK_MESSAGE(lost, loser.err);
  std::size_t lines = 0;
  std::ifstream metrics(place.run + "/metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) ++lines;
  CHECK(lines == 60 * 2 + 1);
  std::size_t folders = 0;
  for (const auto& entry : fs::directory_iterator(place.folder.path()))
    folders += entry.is_directory();
  CHECK(folders == 1);
}

TEST_CASE("a run that another process works on is locked for resume") {
  const Place place;
  RunningProgram trains(dl::test::dltool_binary(), {"train", place.config, "--run", place.run,
                                                    "--set", "train.epochs=100000"});
  REQUIRE(wait_until([&] { return fs::exists(place.run + "/config.resolved.yaml"); }));
  check_fails(place.dltool({"resume", place.run}), 11, "another process");
  check_fails(place.train(), 11, "another process");
}

TEST_CASE("--require decides between 0 and 13") {
  const Place place;
  check_fails(place.train({"--require", "valid/top1>=1.1"}), 13, "valid/top1>=1.1: it is");
  CHECK(json::parse(read_file(place.run + "/exit.json"))["exit_code"] == 13);
  const ProgramResult met = place.dltool(
      {"resume", place.run, "--require", "valid/top1>=0", "--require", "test/loss<=1e9"});
  CHECK_MESSAGE(met.exit_code == 0, met.err);
}

TEST_CASE("--require of what the result will not have is refused before anything is trained") {
  const Place place;
  check_fails(place.train({"--require", "valid/top5>=0.5"}), 2,
              "this run has no metric 'top5'; did you mean 'top1'?");
  check_fails(place.train({"--require", "valid/recall>=0"}), 2,
              "the metrics of valid are loss, top1, f1, auc, average_precision");
  CHECK(!fs::exists(place.run));
  REQUIRE(place.train().exit_code == 0);
  const std::string before = read_file(place.run + "/exit.json");
  check_fails(place.dltool({"resume", place.run, "--require", "valid/recall>=0"}), 2,
              "no metric 'recall'");
  CHECK(read_file(place.run + "/exit.json") == before);
}

TEST_CASE("--require of a split that is not there names the ones that are") {
  const Place place;
  const std::string no_test = "data.source.synthetic.test_samples=0";
  check_fails(place.train({"--set", no_test, "--require", "test/loss<=9"}), 2,
              "there is no test data");
  check_fails(place.train({"--set", no_test, "--require", "test/loss<=9"}), 2, "there is valid");
  CHECK(!fs::exists(place.run));
}

}  // namespace dl::test
