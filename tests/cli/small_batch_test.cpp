#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// A batch norm over one value per channel: no verb that would train it starts, and `check` says so.
namespace dl::test {
namespace {

/// Nine rows, and configs on them.
struct Place {
  Place() {
    write_text(folder / "t.csv", "x,label\n0,a\n1,b\n2,a\n3,b\n4,a\n5,b\n6,a\n7,b\n8,a\n");
    write_text(folder / "base.yaml",
               "version: 1\n"
               "data: {source: {csv: {train: t.csv, target: label}}, batch: 4}\n"
               "model:\n"
               "  layers:\n"
               "    - linear: {name: f1, out_features: 4}\n"
               "    - batch_norm: {name: bn}\n"
               "    - linear: {name: fc, out_features: 2}\n"
               "loss: cross_entropy\n"
               "optimizer: {sgd: {lr: 0.1}}\n"
               "train: {epochs: 1}\n");
  }
  ProgramResult run(const std::string& verb, const std::vector<std::string>& sets,
                    const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {verb, folder / "base.yaml"};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(dltool_binary(), arguments, folder.path());
  }
  /// What all verbs say must be the same.
  void refused(const std::vector<std::string>& sets, const std::string& message,
               const std::string& hint) const {
    for (const char* verb : {"check", "train", "summary", "bench"}) {
      CAPTURE(verb);
      const ProgramResult result = run(verb, sets);
      CHECK(result.exit_code == 3);
      CHECK(result.err.find("base.yaml:6:7: error: layer 'bn' (batch_norm): batch_norm has one "
                            "value per channel to normalize in training" +
                            message) != std::string::npos);
      CHECK(result.err.find("hint: " + hint) != std::string::npos);
      CHECK_FALSE(std::filesystem::exists(folder / "runs"));
    }
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("a batch norm over one value per channel is refused at its place, by check already") {
  const Place place;
  SUBCASE("batches of one sample") {
    place.refused({"data.batch=1"}, ", as data.batch is 1", "a larger batch, or layer_norm");
  }
  SUBCASE("a last batch of one sample, whose way out is drop_last") {
    place.refused({"data.drop_last=false"},
                  " in the last batch of an epoch, which has 1 of the 9 samples",
                  "data.drop_last: true leaves that batch out");
    CHECK(place.run("check", {"data.drop_last=true"}).exit_code == 0);
    CHECK(place.run("train", {"data.drop_last=true"}, {"--run", "dropped"}).exit_code == 0);
  }
  SUBCASE("a last batch of one sample once a part is held out") {
    place.refused({"data.drop_last=false", "data.split={valid: 2}", "data.batch=3"},
                  " in the last batch of an epoch, which has 1 of the 7 samples",
                  "data.drop_last: true");
  }
  SUBCASE("micro-batches of one sample, however many make a step") {
    place.refused({"data.batch=1", "train.effective_batch=4"}, ", as data.batch is 1",
                  "a larger batch");
  }
  SUBCASE("a phase that trains it, behind one in which it is frozen") {
    place.refused(
        {"data.batch=1", "train.epochs=~", "phases=[{epochs: 1, freeze: [f1, bn]}, {epochs: 1}]"},
        ", as data.batch is 1", "a larger batch");
  }
}

TEST_CASE("a batch norm whose statistics stay as they are trains on one sample at a time") {
  const Place place;
  REQUIRE(place.run("train", {}, {"--run", "first"}).exit_code == 0);
  const std::vector<std::string> sets = {"data.batch=1", "finetune.from=first",
                                         "finetune.freeze=[f1, bn]"};
  CHECK(place.run("check", sets).exit_code == 0);
  CHECK(place.run("summary", sets).exit_code == 0);
  CHECK(place.run("bench", sets, {"--steps", "1"}).exit_code == 0);
  CHECK(place.run("train", sets, {"--run", "second"}).exit_code == 0);
  // Evaluation and prediction have the running statistics.
  CHECK(place
            .run("eval", {"data.batch=1"},
                 {"--split", "train", "--weights", "first/checkpoints/last/model.safetensors"})
            .exit_code == 0);
}

}  // namespace dl::test
