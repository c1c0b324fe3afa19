#include <doctest/doctest.h>

#include <signal.h>

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

using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: small
vars: {depth: 1, rate: 0.1}
data: {source: {synthetic: {shape: [4], classes: 3, samples: 60, test_samples: 12}}, batch: 10, split: {valid: 20}}
model:
  layers:
    - repeat: $depth
      name: body
      layers: [linear: {out_features: 5}]
    - linear: {name: fc, out_features: $data.classes}
loss: cross_entropy
optimizer: {sgd: {lr: $rate}}
train: {epochs: 2, threads: 2}
)";

ProgramResult dltool(const std::vector<std::string>& arguments) {
  return run_program(dl::test::dltool_binary(), arguments);
}

struct Place {
  TempFolder folder;
  std::string config = folder / "small.yaml", one = folder / "one", other = folder / "other";
  Place() { std::ofstream(config) << kConfig; }

  void train(const std::string& run, const std::vector<std::string>& sets) const {
    std::vector<std::string> arguments = {"train", config, "--run", run};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
};

json compared(const std::vector<std::string>& runs) {
  std::vector<std::string> arguments = {"compare", "--json"};
  arguments.insert(arguments.end(), runs.begin(), runs.end());
  const ProgramResult result = dltool(arguments);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.out.find('\n') == result.out.size() - 1);
  return json::parse(result.out);
}

std::string with_single_blanks(std::string text) {
  const auto [end, last] =
      std::ranges::unique(text, [](char a, char b) { return a == ' ' && b == ' '; });
  text.erase(end, last);
  return text;
}

}  // namespace

TEST_CASE("compare shows runs in the order given, with what they reached and where they differ") {
  const Place place;
  place.train(place.one, {});
  place.train(place.other, {"vars.depth=2", "vars.rate=0.05", "train.epochs=3"});
  const json out = compared({place.other, place.one});
  REQUIRE(out["runs"].size() == 2);
  const json& first = out["runs"][0];
  CHECK(first["run"] == place.other);
  CHECK(first["name"] == "small");
  CHECK(first["outcome"] == "completed");
  CHECK(first["exit_code"] == 0);
  CHECK(first["epoch"] == 3);
  CHECK(first["epochs"] == 3);
  CHECK(first["step"] == 12);
  CHECK(first["parameters"] == 4 * 5 + 5 + 5 * 5 + 5 + 5 * 3 + 3);
  const json exit = json::parse(read_file(place.other + "/exit.json"));
  CHECK(first["seconds"] == exit["seconds"]);
  CHECK(first["final"]["test"] == exit["test"]);
  CHECK(first["best"]["valid"]["loss"]["epoch"].get<int>() >= 1);
  CHECK(first["last"]["valid"].contains("top1"));
  CHECK(out["runs"][1]["run"] == place.one);
  CHECK(out["differences"] == json::parse(R"([
    {"key": "vars.depth", "values": ["2", "1"]}, {"key": "vars.rate", "values": ["0.05", "0.1"]},
    {"key": "optimizer.sgd.lr", "values": ["0.05", "0.1"]},
    {"key": "train.epochs", "values": ["3", "2"]},
    {"key": "model.layers", "values": ["3 layers", "2 layers"]}])"));

  const ProgramResult table = dltool({"compare", place.one, place.other});
  CHECK(table.exit_code == 0);
  CHECK(table.err.empty());
  const std::string lines = with_single_blanks(table.out);
  CHECK(lines.starts_with("run one other\n"));
  for (const char* line : {"\noutcome completed completed\n", "\nepochs 2/2 3/3\n",
                           "\nparameters 43 73\n", "\nfinal test top1 ", "\nbest valid loss ",
                           "\n\nvars.depth 1 2\n", "\nmodel.layers 2 layers 3 layers\n"})
    CHECK_MESSAGE(lines.find(line) != std::string::npos, lines);
}

TEST_CASE("a run that is going on is shown as running, and one that was killed as crashed") {
  const Place place;
  RunningProgram program(dl::test::dltool_binary(), {"train", place.config, "--run", place.one,
                                                     "--set", "train.epochs=1000000"});
  REQUIRE(wait_until([&] { return std::filesystem::exists(place.one + "/checkpoints/last"); }));
  json run = compared({place.one})["runs"][0];
  CHECK(run["outcome"] == "running");
  CHECK(run["epochs"] == 1000000);
  CHECK(run["epoch"].get<int>() >= 1);
  CHECK(!run.contains("final"));
  CHECK(!program.ended());  // looking at it does it no harm
  program.signal(SIGKILL);
  CHECK(program.wait().exit_code == 1000 + SIGKILL);
  run = compared({place.one})["runs"][0];
  CHECK(run["outcome"] == "crashed");
  CHECK(run["exit_code"].is_null());
}

TEST_CASE("a damaged run is shown with a note, and a path that is no run ends with 10") {
  const Place place;
  place.train(place.one, {});
  std::filesystem::copy(place.one, place.other, std::filesystem::copy_options::recursive);
  std::ofstream(place.other + "/exit.json") << "{";
  const ProgramResult table = dltool({"compare", place.one, place.other});
  CHECK(table.exit_code == 0);
  CHECK(table.out.find("damaged") != std::string::npos);
  CHECK(table.out.find("the configs are the same") != std::string::npos);
  CHECK(table.err.find("note: ") == 0);
  CHECK(table.err.find("/other: exit.json: damaged") != std::string::npos);
  CHECK(compared({place.one, place.other})["runs"][1]["damage"].size() == 1);

  const ProgramResult none = dltool({"compare", place.one, place.folder / "nothing"});
  CHECK(none.exit_code == 10);
  CHECK(none.out.empty());
  CHECK(none.err.find("nothing: no run") != std::string::npos);
  CHECK(dltool({"compare", place.config}).exit_code == 10);
  CHECK(dltool({"compare"}).exit_code == 2);
}

}  // namespace dl::test
