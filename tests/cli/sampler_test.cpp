#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

constexpr const char* kConfig = R"(
version: 1
name: rare
data:
  source: {csv: {train: train.csv, target: kind, task: classification}}
  batch: 10
  sampler: balanced
model: {layers: [linear: {out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 4, threads: 2}
)";

/// A class of 90 samples and one of 10, of which the sign is what tells them apart, but for the
/// bias.
struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml";
  Place() {
    std::ofstream(config) << kConfig;
    std::ofstream table(folder / "train.csv");
    table << "x,kind\n";
    for (int i = 0; i < 100; ++i)
      table << (i % 10 == 0 ? "1" : "-1") << ',' << (i % 10 == 0 ? "rare" : "usual") << '\n';
  }
  ProgramResult dltool(const std::vector<std::string>& arguments) const {
    return run_program(dl::test::dltool_binary(), arguments, folder.path());
  }
  Bytes last(const std::string& run) const {
    return read_bytes(folder / (run + "/checkpoints/last/model.safetensors"));
  }
};

}  // namespace

TEST_CASE("balanced runs repeat, resume to the same bits, and differ from others") {
  const Place place;
  const auto train = [&](const std::string& run, const std::vector<std::string>& sets) {
    std::vector<std::string> arguments = {"train", place.config, "--run", run};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    const ProgramResult result = place.dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  };
  train("whole", {});
  train("again", {"data.workers=3"});
  train("plain", {"data.sampler=all"});
  train("cut", {"train.max_steps=23"});
  REQUIRE(place.dltool({"resume", "cut", "--set", "train.max_steps=~"}).exit_code == 0);
  CHECK(place.last("again") == place.last("whole"));
  CHECK(place.last("cut") == place.last("whole"));
  CHECK(place.last("plain") != place.last("whole"));
}

TEST_CASE("a class without training samples is told with its name and place") {
  const Place place;
  const ProgramResult result = place.dltool({"train", place.config, "--run", "run", "--set",
                                             "data.source.csv.classes=[usual, rare, unseen]"});
  CHECK(result.exit_code == 4);
  CHECK(result.err.find("c.yaml:7:12: error: data: sampler: class 'unseen' has no training "
                        "samples that could be drawn") != std::string::npos);
}

}  // namespace dl::test
