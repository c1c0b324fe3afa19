#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file_system.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"
#include "tests/support/run_program.h"

// A run on pictures in folders, from the command line.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: pictures
data:
  source: {image_folder: {path: '@data/animals'}}
  batch: 8
  split: {valid: 6}
  transforms:
    train: [resize: {size: 12}, random_crop: {size: 10}, random_flip]
    eval: [resize: {size: 12}, center_crop: {size: 10}]
model:
  layers:
    - conv: {out_channels: 4, kernel_size: 3}
    - relu
    - flatten
    - linear: {out_features: $data.classes}
loss: cross_entropy
optimizer: {sgd: {lr: 0.05, momentum: 0.9}}
train: {epochs: 2, threads: 2}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "pictures.yaml", data = folder / "data";
  std::string train_folder = data + "/animals/train", test_folder = data + "/animals/test";

  Place() {
    std::ofstream(config) << kConfig;
    const std::vector<std::string> classes = {"cat", "dog & co: $5", "emu"};
    write_pictures(train_folder, classes, 10, 14, 17);
    write_pictures(test_folder, classes, 3, 19, 13, 100);
  }
  ProgramResult dltool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", data});
    return run_program(dl::test::dltool_binary(), arguments);
  }
  ProgramResult train(const std::string& run, const std::vector<std::string>& sets = {}) const {
    std::vector<std::string> arguments = {"train", config, "--run", folder / run};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    return dltool(arguments);
  }
  std::string weights(const std::string& run) const {
    return read_file(folder / (run + "/checkpoints/last/model.safetensors"));
  }
};

void check_fails(const ProgramResult& result, int code, const std::string& message) {
  CHECK_MESSAGE(result.exit_code == code, result.err);
  CHECK_MESSAGE(result.err.find(message) != std::string::npos, result.err);
}

void cut_short(const std::string& path) {
  Bytes bytes = read_bytes(path);
  bytes.resize(bytes.size() - 20);
  write_bytes(path, bytes);
}

}  // namespace

TEST_CASE("any number of workers, read ahead or not, trains the same bits") {
  const Place place;
  REQUIRE(place.train("one", {"data.workers=1"}).exit_code == 0);
  const std::vector<std::vector<std::string>> others = {
      {"data.workers=2"}, {"data.workers=3"}, {"data.prefetch=0"}, {"data.workers=auto"}};
  for (std::size_t i = 0; i < others.size(); ++i) {
    CAPTURE(others[i][0]);
    const std::string run = "other" + std::to_string(i);
    const ProgramResult result = place.train(run, others[i]);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    CHECK(place.weights(run) == place.weights("one"));
  }
}

TEST_CASE("the classes' names are kept with the run, and eval shows them") {
  const Place place;
  REQUIRE(place.train("run").exit_code == 0);
  const std::string resolved = read_file(place.folder / "run/config.resolved.yaml");
  CHECK_MESSAGE(resolved.find(R"(classes: [cat, "dog & co: $$5", emu])") != std::string::npos,
                resolved);
  // A test set with one class only, in the same labels.
  fs::remove_all(place.test_folder + "/cat");
  fs::remove_all(place.test_folder + "/emu");
  const ProgramResult result = place.dltool({"eval", place.folder / "run", "--json"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const json out = json::parse(result.out);
  CHECK(out["samples"] == 3);
  CHECK(out["classes"][1]["name"] == "dog & co: $5");
  CHECK(out["classes"][1]["samples"] == 3);
  CHECK(out["classes"][0]["samples"] == 0);
  // Nor is the training data needed.
  fs::remove_all(place.train_folder);
  CHECK(place.dltool({"eval", place.folder / "run", "--json"}).out == result.out);
  fs::create_directories(place.test_folder + "/cow");
  check_fails(place.dltool({"eval", place.folder / "run"}), 4, "'cow' is none of the classes");
}

TEST_CASE("a bad picture ends prediction with 4, or is left out and told") {
  const Place place;
  REQUIRE(place.train("run").exit_code == 0);
  const std::string bad = place.test_folder + "/emu/0002.jpg";
  cut_short(bad);
  const std::vector<std::string> all = {"predict", place.folder / "run", place.test_folder};
  check_fails(place.dltool(all), 4, bad + ": is a damaged JPEG");
  std::vector<std::string> skipping = all;
  skipping.push_back("--skip-bad");
  const ProgramResult skipped = place.dltool(skipping);
  CHECK_MESSAGE(skipped.exit_code == 0, skipped.err);
  CHECK(std::ranges::count(skipped.out, '\n') == 1 + 8);
  CHECK(skipped.err.find("1 of 9 files are left out (--skip-bad)") != std::string::npos);
  CHECK(skipped.err.find("left out: " + bad + ": is a damaged JPEG") != std::string::npos);
  check_fails(place.dltool({"predict", place.folder / "run", bad, "--skip-bad"}), 4,
              "no image can be read");
  check_fails(place.dltool({"predict", place.folder / "run", "--skip-bad"}), 2,
              "--skip-bad is for files of pictures");
}

TEST_CASE("a bad picture ends training with 4, or is left out, told and logged") {
  const Place place;
  const std::string bad = place.train_folder + "/cat/0004.jpg";
  cut_short(bad);
  check_fails(place.train("stops"), 4, bad + ": is a damaged JPEG: Premature end of JPEG file");
  const ProgramResult skips = place.train("skips", {"data.source.image_folder.on_bad=skip"});
  REQUIRE_MESSAGE(skips.exit_code == 0, skips.err);
  const std::string log = read_file(place.folder / "skips/log.txt");
  for (const std::string& text : {skips.err, log}) {
    CHECK(text.find("train: 1 of 30 files are left out (on_bad: skip)") != std::string::npos);
    CHECK(text.find("left out: " + bad + ": is a damaged JPEG") != std::string::npos);
    CHECK(text.find("23 samples to train on, 6 to validate, 9 to test") != std::string::npos);
  }
  cut_short(place.test_folder + "/emu/0001.png");
  check_fails(place.dltool({"eval", place.folder / "skips"}), 0, "left out: " + place.test_folder);
  // The samples of a run do not change under it.
  cut_short(place.train_folder + "/emu/0001.png");
  check_fails(place.dltool({"resume", place.folder / "skips", "--set", "train.epochs=3"}), 4,
              "the training data is not what this run was trained on");
}

TEST_CASE("check, summary and bench need the pictures only to count classes") {
  const Place place;
  CHECK(place.dltool({"check", place.config}).exit_code == 0);
  fs::remove_all(place.data);
  check_fails(place.dltool({"check", place.config}), 4, "there is no such folder; $data.classes");
  for (const char* set : {"data.classes=3", "data.source.image_folder.classes=[cat, dog, emu]"}) {
    CAPTURE(set);
    CHECK(place.dltool({"check", place.config, "--set", set}).exit_code == 0);
    CHECK(place.dltool({"summary", place.config, "--set", set}).exit_code == 0);
    CHECK(place.dltool({"bench", place.config, "--steps", "1", "--set", set}).exit_code == 0);
    check_fails(
        run_program(dl::test::dltool_binary(), {"train", place.config, "--data", place.data,
                                                "--run", place.folder / "none", "--set", set}),
        4, "animals: there is no such folder");
  }
}

TEST_CASE("a config that leaves sizes open or counts too few classes is refused where it stands") {
  const Place place;
  check_fails(place.dltool({"check", place.config, "--set", "data.transforms.eval=[]"}), 3,
              "pictures.yaml:5:12: error: data.transforms: the pictures are of any size");
  check_fails(place.dltool({"check", place.config, "--set", "data.classes=2"}), 3,
              "classes is 2, but the source has 3");
  CHECK(place
            .dltool({"check", place.config, "--set", "data.transforms={}", "--set",
                     "data.source.image_folder.size=[14, 17]"})
            .exit_code == 0);
}

TEST_CASE("pictures of one's own are predicted as the samples of a split, and agree with eval") {
  const Place place;
  const std::string run = place.folder / "run";
  REQUIRE(place.train("run").exit_code == 0);
  const auto predicted = [&](std::vector<std::string> what) {
    what.insert(what.begin(), {"predict", run, "--json", "--top", "2"});
    const ProgramResult result = place.dltool(what);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::vector<json> lines;
    std::istringstream text(result.out);
    for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
    return lines;
  };
  const std::vector<json> split = predicted({"--split", "test"});
  int right = 0;
  for (const json& line : split) right += line["predicted"] == line["target"];
  const json eval = json::parse(place.dltool({"eval", run, "--json"}).out);
  CHECK(eval["top1"] == doctest::Approx(right / 9.0).epsilon(1e-12));

  const std::vector<json> folder = predicted({place.test_folder});
  REQUIRE(folder.size() == 9);
  for (std::size_t i = 0; i < folder.size(); ++i) {
    CHECK(folder[i]["name"] == split[i]["name"]);
    CHECK(folder[i]["top"] == split[i]["top"]);  // each digit of the probabilities
    CHECK(folder[i]["top"].size() == 2);
  }
  const std::string cats = place.test_folder + "/cat";
  const std::vector<json> some = predicted({cats + "/0001.png", cats + "/", cats + "/0000.jpg"});
  REQUIRE(some.size() == 5);
  CHECK(some[0]["top"] == some[2]["top"]);
  CHECK(some[4]["top"] == split[0]["top"]);
  CHECK(some[1]["name"] == cats + "/0000.jpg");

  CHECK(predicted({cats + "/0000.jpg", "--input", cats + "/0001.png"}).size() == 2);

  const std::string broken = place.folder / "broken.png";
  fs::copy_file(cats + "/0001.png", broken);
  cut_short(broken);
  check_fails(place.dltool({"predict", run, cats, broken}), 4, broken + ": ");
  check_fails(place.dltool({"predict", run, place.folder / "none.png"}), 4, "no such file");
  fs::create_directories(place.folder / "empty");
  check_fails(place.dltool({"predict", run, place.folder / "empty"}), 4, "holds no image");
}

TEST_CASE("files are predicted by a network of pictures whatever it was trained on") {
  const Place place;
  const std::string config = place.folder / "digits.yaml", run = place.folder / "digits";
  std::ofstream(config) << "data: {source: digits, batch: 32}\nloss: cross_entropy\n"
                           "model: {layers: [flatten, linear: {out_features: 10}]}\n"
                           "optimizer: {sgd: {lr: 0.5}}\ntrain: {epochs: 1, threads: 2}\n";
  REQUIRE(place.dltool({"train", config, "--run", run}).exit_code == 0);
  write_bytes(place.folder / "one.png", png_bytes(8, 8, 1, Bytes(64, 100)));
  write_bytes(place.folder / "large.png", png_bytes(9, 8, 1, Bytes(72, 100)));
  CHECK(place.dltool({"predict", run, place.folder / "one.png"}).exit_code == 0);
  check_fails(place.dltool({"predict", run, place.folder / "large.png"}), 4,
              "large.png: is 9x8 (height x width), expected ");
  CHECK(place
            .dltool({"predict", run, place.folder / "large.png", "--set",
                     "data.transforms.eval=[resize: {size: [8, 8]}]"})
            .exit_code == 0);
}

}  // namespace dl::test
