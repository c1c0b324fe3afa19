#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

using nlohmann::json;

// Pictures in memory, with everything that is random, a partial last batch, and steps of two
// batches.
constexpr const char* kConfig = R"(
version: 1
name: mixed
data:
  source: digits
  batch: 50
  drop_last: false
  split: {valid: 200}
  transforms:
    train: [random_resized_crop: {size: 8, scale: [0.6, 1]}, color_jitter: {brightness: 0.2}, random_erasing: {p: 0.2}, mixup: {alpha: 0.2}, cutmix: {alpha: 0.5}]
model:
  layers:
    - conv: {name: conv1, out_channels: 12, kernel_size: 3, padding: 1}
    - batch_norm: {name: bn1}
    - relu
    - flatten
    - linear: {name: fc, out_features: $data.classes}
loss: {cross_entropy: {label_smoothing: 0.05}}
optimizer: {adam: {lr: 0.005}}
train: {epochs: 6, threads: 2, effective_batch: 100}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml", run = folder / "run";
  Place() { std::ofstream(config) << kConfig; }
  ProgramResult train(const std::string& to, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"train", config, "--run", to});
    return run_program(dl::test::dltool_binary(), more);
  }
};

std::string last(const std::string& run) { return run + "/checkpoints/last/model.safetensors"; }

std::vector<json> metrics_of(const std::string& run) {
  std::ifstream stream(run + "/metrics.jsonl");
  std::vector<json> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("a network learns from mixed batches, and evaluation is by the true labels") {
  const Place place;
  const ProgramResult trained = place.train(place.run);
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const ProgramResult evaluated =
      run_program(dl::test::dltool_binary(), {"eval", place.run, "--json"});
  REQUIRE_MESSAGE(evaluated.exit_code == 0, evaluated.err);
  const json result = json::parse(evaluated.out);
  CHECK(result["top1"].get<double>() > 0.85);
  CHECK(result["split"] == "test");
  const std::vector<json> lines = metrics_of(place.run);
  for (const json& line : lines) {
    CHECK(line.contains("top1"));
    CHECK(line.contains("f1"));
    // Mixed pictures are harder than whole ones.
    if (line["epoch"] == 6 && line["split"] == "train") CHECK(line["top1"].get<double>() > 0.4);
    if (line["epoch"] == 6 && line["split"] == "valid") CHECK(line["top1"].get<double>() > 0.85);
  }
}

TEST_CASE("mixed batches are the same with any workers and prefetch, and after a resume") {
  const Place place;
  REQUIRE(place.train(place.run, {"--set", "train.epochs=2"}).exit_code == 0);
  const std::string other = place.folder / "other", cut = place.folder / "cut";
  REQUIRE(place
              .train(other, {"--set", "train.epochs=2", "--set", "data.workers=3", "--set",
                             "data.prefetch=4"})
              .exit_code == 0);
  CHECK(read_bytes(last(other)) == read_bytes(last(place.run)));
  REQUIRE(place.train(cut, {"--set", "train.epochs=2", "--set", "train.max_steps=17"}).exit_code ==
          0);
  CHECK(read_bytes(last(cut)) != read_bytes(last(place.run)));
  const ProgramResult resumed =
      run_program(dl::test::dltool_binary(), {"resume", cut, "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
  CHECK(read_bytes(last(cut)) == read_bytes(last(place.run)));
}

TEST_CASE("check, summary and bench know mixed labels") {
  const Place place;
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"check", place.config},
                                                    {"summary", place.config},
                                                    {"bench", place.config, "--steps", "2"}}) {
    const ProgramResult result = run_program(dl::test::dltool_binary(), arguments);
    CHECK_MESSAGE(result.exit_code == 0, result.err);
  }
}

}  // namespace dl::test
