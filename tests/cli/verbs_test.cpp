#include <doctest/doctest.h>

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
data: {source: {synthetic: {shape: [1, 4, 4], classes: 3, samples: 60, test_samples: 12}}, batch: 10, split: {valid: 20}}
model:
  layers:
    - conv: {name: conv1, out_channels: 2, kernel_size: 3, padding: 1}
    - relu
    - flatten
    - linear: {name: fc, out_features: $data.classes}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 2, threads: 2, ema: {decay: 0.5}}
)";

ProgramResult dltool(const std::vector<std::string>& arguments) {
  return run_program(dl::test::dltool_binary(), arguments);
}

/// What a verb prints for programs: one line of JSON.
json json_of(const std::vector<std::string>& arguments) {
  const ProgramResult result = dltool(arguments);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.out.find('\n') == result.out.size() - 1);
  return json::parse(result.out);
}

void check_keys(const json& out, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    CAPTURE(key);
    CHECK(out.contains(key));
  }
}

struct Place {
  TempFolder folder;
  std::string config = folder / "small.yaml";
  Place() { std::ofstream(config) << kConfig; }
};

}  // namespace

TEST_CASE("--version names oneDNN, the instruction set and the threads") {
  const ProgramResult result = dltool({"--version"});
  CHECK(result.exit_code == 0);
  for (const char* word : {"dltool ", "oneDNN ", "threads"})
    CHECK_MESSAGE(result.out.find(word) != std::string::npos, result.out);
}

TEST_CASE("--help names the verbs and the exit codes, and each verb has its own") {
  const ProgramResult all = dltool({"--help"});
  CHECK(all.exit_code == 0);
  CHECK(all.out.find("Exit codes") != std::string::npos);
  for (const std::string verb :
       {"train", "resume", "eval", "predict", "check", "summary", "compare", "bench", "docs"}) {
    CHECK(all.out.find(verb) != std::string::npos);
    const ProgramResult one = dltool({verb, "--help"});
    CAPTURE(verb);
    CHECK(one.exit_code == 0);
    CHECK(one.out.find("--help") != std::string::npos);
    CHECK(one.err.empty());
  }
}

TEST_CASE("check, summary and bench print for programs what scripts rely on") {
  const Place place;
  const json check = json_of({"check", place.config, "--json"});
  check_keys(check, {"ok", "name", "layers", "parameters"});
  CHECK(check["ok"] == true);
  CHECK(check["parameters"] == 2 * 9 + 2 + 32 * 3 + 3);

  const json summary = json_of({"summary", place.config, "--json"});
  check_keys(summary, {"parameters", "flops", "memory", "layers"});
  CHECK(summary["parameters"] == check["parameters"]);
  CHECK(summary["layers"].size() == check["layers"]);
  for (const json& layer : summary["layers"])
    check_keys(layer, {"name", "type", "output_shape", "parameters", "flops"});
  CHECK(summary["layers"][0]["name"] == "conv1");

  const json bench = json_of({"bench", place.config, "--steps", "2", "--batch", "5", "--json"});
  check_keys(bench, {"net", "dtype", "threads", "batch", "per_second", "step_ms",
                     "gflops_per_second", "peak_mib", "params"});
  CHECK(bench["batch"] == 5);
  CHECK(bench["dtype"] == "f32");
  CHECK(bench["params"] == check["parameters"]);
}

TEST_CASE("eval gives the figures that the run itself gave at its end") {
  const Place place;
  const std::string run = place.folder / "run";
  const ProgramResult trained = dltool({"train", place.config, "--run", run});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const json exit = json::parse(read_file(run + "/exit.json"));
  const json out = json_of({"eval", run, "--json"});
  check_keys(out, {"split", "samples", "loss", "top1"});
  CHECK(out["split"] == "test");
  CHECK(out["samples"] == 12);
  for (const auto& metric : exit["test"].items()) {
    CAPTURE(metric.key());
    CHECK(out[metric.key()] == metric.value());
  }
  CHECK(json_of({"eval", run, "--split", "valid", "--json"})["samples"] == 20);
  const json raw = json_of({"eval", run, "--weights", "raw", "--json"});
  CHECK(raw["loss"] != out["loss"]);  // without the average

  const std::string model = run + "/checkpoints/best/model.safetensors";
  const json file = json_of({"eval", place.config, "--weights", model, "--json"});
  CHECK(file["loss"] == raw["loss"]);
}

TEST_CASE("a resolved config and a run's folder describe the same network as the config") {
  const Place place;
  const std::string run = place.folder / "run";
  REQUIRE(dltool({"train", place.config, "--run", run}).exit_code == 0);
  const auto summary_of = [](const std::string& what) {
    json summary = json_of({"summary", what, "--json"});
    CHECK(summary["memory"].erase("the program and the data it has read") == 1);  // it was measured
    return summary;
  };
  CHECK(summary_of(run) == summary_of(place.config));
  CHECK(json_of({"check", run + "/config.resolved.yaml", "--json"})["ok"] == true);
}

TEST_CASE("summary shows of a run the newest step that was looked at, first layer to last") {
  const Place place;
  const std::string run = place.folder / "run", plain = place.folder / "plain";
  REQUIRE(dltool({"train", place.config, "--run", plain}).exit_code == 0);
  REQUIRE(dltool({"train", place.config, "--run", run, "--set", "diagnostics.every=3"}).exit_code ==
          0);
  const json out = json_of({"summary", run, "--json"}),
             none = json_of({"summary", plain, "--json"});
  CHECK(!none.contains("diagnostics"));
  const json& found = out["diagnostics"];
  CHECK(found["epoch"] == 2);  // two epochs of four steps
  CHECK(found["step"] == 6);
  REQUIRE(found["layers"].size() == 3);
  CHECK(found["layers"][0]["layer"] == "conv1");
  CHECK(found["layers"][1]["type"] == "relu");
  CHECK(found["layers"][2]["layer"] == "fc");
  check_keys(found["layers"][0], {"gradient_norm", "weight_norm", "update_norm", "update_ratio"});
  check_keys(found["layers"][1], {"dead", "flat"});
  CHECK(found["layers"][1]["flat"].get<double>() > 0.1);  // a share, of a relu neither 0 nor 1
  CHECK(found["layers"][1]["flat"].get<double>() < 0.9);
  // Plain descent: the update is the gradient times the rate.
  const double ratio = found["layers"][2]["update_norm"].get<double>() /
                       found["layers"][2]["gradient_norm"].get<double>();
  CHECK(ratio == doctest::Approx(0.1).epsilon(1e-4));

  const std::string text = dltool({"summary", run}).out;
  const std::size_t at = text.find("\nstep 6, epoch 2:\nlayer ");
  REQUIRE(at != std::string::npos);
  CHECK(text.find("\nconv1 ", at) < text.find("\nrelu1 ", at));
  CHECK(text.find("\nrelu1 ", at) < text.find("\nfc ", at));
  CHECK(dltool({"summary", plain}).out.find("update/weight") == std::string::npos);
  std::ifstream lines(run + "/diagnostics.jsonl");
  std::string steps;
  for (std::string line; std::getline(lines, line);)
    steps += std::to_string(json::parse(line)["step"].get<int>());
  CHECK(steps == "111333666");
}

TEST_CASE("a run whose schedule cycles the momentum does so, with a momentum only") {
  const Place place;
  const auto weights = [&](const std::string& run, const std::string& optimizer,
                           const std::string& cycles) {
    const ProgramResult result =
        dltool({"train", place.config, "--run", place.folder / run, "--set",
                "optimizer=" + optimizer, "--set", "schedule={one_cycle: {" + cycles + "}}"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return read_bytes(place.folder / (run + "/checkpoints/last/model.safetensors"));
  };
  const std::string sgd = "{sgd: {lr: 0.1, momentum: 0.9}}", plain = "{sgd: {lr: 0.1}}";
  const Bytes still = weights("still", sgd, "cycle_momentum: false");
  CHECK((weights("cycled", sgd, "") != still));
  CHECK((weights("high", sgd, "base_momentum: 0.9, max_momentum: 0.9") == still));
  CHECK((weights("none", plain, "") == weights("off", plain, "cycle_momentum: false")));
}

TEST_CASE("the reference pages in docs/reference are what the program declares") {
  const std::string pages = dl::test::source_path("docs/reference");
  const ProgramResult fresh = dltool({"docs", "--check", pages});
  CHECK_MESSAGE(fresh.exit_code == 0, fresh.err);
}

TEST_CASE("a reference page that is not what the program declares is stale") {
  const TempFolder folder;
  REQUIRE(dltool({"docs", "--write", folder / "pages"}).exit_code == 0);
  CHECK(dltool({"docs", "--check", folder / "pages"}).exit_code == 0);
  std::ofstream(folder / "pages/layers.md", std::ios::app) << "more\n";
  const ProgramResult stale = dltool({"docs", "--check", folder / "pages"});
  CHECK(stale.exit_code == 1);
  CHECK(stale.err.find("layers.md is stale") != std::string::npos);
}

TEST_CASE("the schema is JSON, and docs finds single pages") {
  CHECK(json::parse(dltool({"docs", "schema"}).out).is_object());
  const ProgramResult conv = dltool({"docs", "layer", "conv"});
  CHECK(conv.exit_code == 0);
  CHECK(conv.out.find("out_channels") != std::string::npos);
  CHECK(dltool({"docs", "layers"}).out.find("batch_norm") != std::string::npos);
}

}  // namespace dl::test
