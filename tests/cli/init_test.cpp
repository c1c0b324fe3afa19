#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "core/file_system.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"
#include "tests/support/run_program.h"

// A config for a folder of pictures, from the command line.
namespace dl::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kClasses = {"cat", "it's $5", "emu"};

struct Place {
  TempFolder folder;
  std::string pictures = folder / "my pets", config = folder / "pets.yaml";

  Place() { write_pictures(pictures, kClasses, 10, 40, 36); }
  ProgramResult dltool(const std::vector<std::string>& arguments) const {
    return run_program(dl::test::dltool_binary(), arguments, folder.path());
  }
  ProgramResult init(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"init", pictures, "-o", config});
    return dltool(more);
  }
  bool says(const std::string& part) const {
    return read_file(config).find(part) != std::string::npos;
  }
};

void check_passes(const ProgramResult& result) { CHECK_MESSAGE(result.exit_code == 0, result.err); }
void check_fails(const ProgramResult& result, int code, const std::string& message) {
  CHECK_MESSAGE(result.exit_code == code, result.err);
  CHECK_MESSAGE(result.err.find(message) != std::string::npos, result.err);
}

}  // namespace

TEST_CASE("a folder of pictures becomes a config that passes check, trains and predicts") {
  const Place place;
  check_passes(place.init());
  check_passes(place.dltool({"check", place.config}));
  const std::string run = place.folder / "run";
  check_passes(place.dltool({"train", place.config, "--run", run, "--set", "train.epochs=1",
                             "--set", "train.threads=2"}));
  const ProgramResult predicted = place.dltool({"predict", run, place.pictures, "--top", "3"});
  check_passes(predicted);
  CHECK(predicted.out.find("it's $5") != std::string::npos);
  check_fails(place.init(), 6, "is there already");
  // Its name is the folder's where none is said.
  check_passes(place.dltool({"init", place.pictures}));
  CHECK(fs::exists(place.folder / "my-pets.yaml"));
}

TEST_CASE("what the folder has decides what the config says") {
  const Place place;
  check_passes(place.init());
  CHECK(place.says("valid: 0.2"));
  CHECK(place.says("classes: 3"));
  CHECK_FALSE(place.says("on_bad"));
  CHECK_FALSE(place.says("channels: 1"));
  fs::remove(place.config);
  fs::create_directories(place.folder / "all/train");
  for (const std::string& name : kClasses) {
    fs::rename(place.pictures + "/" + name, place.folder / ("all/train/" + name));
    fs::create_directories(place.folder / ("all/val/" + name));
    write_bytes(place.folder / ("all/train/" + name + "/broken.png"), {1, 2, 3});
    write_bytes(place.folder / ("all/val/" + name + "/a.png"), png_bytes(30, 30, 1, Bytes(900, 7)));
  }
  fs::rename(place.folder / "all", place.pictures + "2");
  fs::remove_all(place.pictures);
  fs::rename(place.pictures + "2", place.pictures);
  const ProgramResult result = place.init();
  check_passes(result);
  CHECK(place.says("valid: 0}"));
  CHECK(place.says("on_bad: skip"));
  CHECK_MESSAGE(result.err.find("broken.png") != std::string::npos, result.err);
  CHECK_MESSAGE(result.out.find(", 30 images to train on") != std::string::npos, result.out);
  check_passes(place.dltool({"check", place.config}));
}

TEST_CASE("grey pictures are read as such") {
  const Place place;
  fs::remove_all(place.pictures);
  for (const char* name : {"/a/1.png", "/a/2.png", "/b/1.png", "/b/2.png"}) {
    fs::create_directories(fs::path(place.pictures + name).parent_path());
    write_bytes(place.pictures + name, png_bytes(20, 20, 1, Bytes(400, 9)));
  }
  check_passes(place.init());
  CHECK(place.says("channels: 1"));
  check_passes(place.dltool({"check", place.config}));
}

TEST_CASE("a config fine-tunes a run, or a network that its weights tell") {
  const Place place;
  const std::string base = place.folder / "base";
  check_passes(place.init());
  check_passes(place.dltool({"train", place.config, "--run", base, "--set", "train.max_steps=1",
                             "--set", "train.threads=2"}));
  fs::remove_all(place.pictures + "/emu");
  for (const std::string& source : {base, base + "/checkpoints/last/model.safetensors"}) {
    CAPTURE(source);
    fs::remove(place.config);
    check_passes(place.init({"--from", source}));
    check_passes(place.dltool({"check", place.config}));
    CHECK(place.says("freeze: true"));
    CHECK(place.says("head: [fc]"));
    fs::remove_all(place.folder / "run");
    const ProgramResult result =
        place.dltool({"finetune", place.config, "--run", place.folder / "run", "--set",
                      "train.max_steps=2", "--set", "train.threads=2"});
    check_passes(result);
    CHECK_MESSAGE(result.err.find("started anew: it is the new head") != std::string::npos,
                  result.err);
  }
  CHECK(place.says("@configs/cifar/resnet20.yaml"));
}

TEST_CASE("of many pictures all of a network is trained, in phases") {
  const Place place;
  const std::string base = place.folder / "base";
  check_passes(place.init());
  check_passes(place.dltool({"train", place.config, "--run", base, "--set", "train.max_steps=1",
                             "--set", "train.threads=2"}));
  write_pictures(place.pictures, kClasses, 700, 8, 8);
  for (const std::string& source : {base, base + "/checkpoints/last/model.safetensors"}) {
    CAPTURE(source);
    fs::remove(place.config);
    check_passes(place.init({"--from", source}));
    CHECK(place.says("\nphases:"));
    check_passes(place.dltool({"check", place.config}));
  }
}

TEST_CASE("folders may be called as they like") {
  const Place place;
  for (const std::string name : {"-x", "Т и", "new\nline", "a'b\"$c", "..."}) {
    CAPTURE(name);
    const std::string folder = place.folder / name;
    fs::rename(place.pictures, folder);
    fs::remove(place.config);
    check_passes(place.dltool({"init", folder, "-o", place.config}));
    fs::remove_all(place.folder / "run");
    check_passes(place.dltool({"train", place.config, "--run", place.folder / "run", "--set",
                               "train.max_steps=1", "--set", "train.threads=2"}));
    fs::rename(folder, place.pictures);
  }
  // A link that leads nowhere is there too.
  fs::remove(place.config);
  fs::create_symlink(place.folder / "nowhere", place.config);
  check_fails(place.init(), 6, "is there already");
}

TEST_CASE("data and config may move together") {
  const Place place;
  check_passes(place.init());
  CHECK(place.says("my pets"));
  fs::create_directories(place.folder / "else/where");
  fs::rename(place.pictures, place.folder / "else/where/my pets");
  fs::rename(place.config, place.folder / "else/where/pets.yaml");
  const ProgramResult moved = place.dltool({"check", "else/where/pets.yaml"});
  check_passes(moved);
  CHECK_MESSAGE(moved.err.find("was not looked at") == std::string::npos, moved.err);
}

TEST_CASE("a config that train would refuse is not left behind") {
  const Place place;
  const ProgramResult result = place.init({"--from", place.pictures});
  CHECK(result.exit_code != 0);
  CHECK_FALSE(fs::exists(place.config));
}

TEST_CASE("what no config can be written for is said, and none is") {
  const Place place;
  check_fails(place.dltool({"init", place.folder / "none", "-o", place.config}), 4,
              "there is no such folder");
  check_fails(place.init({"--from", place.folder / "none"}), 5, "no run and no file of weights");
  std::ofstream(place.folder / "odd.yaml")
      << "data: {source: digits, batch: 32}\nloss: cross_entropy\n"
         "model: {layers: [flatten, linear: {name: fc, out_features: 10}]}\n"
         "optimizer: {sgd: {lr: 0.5}}\ntrain: {epochs: 1, max_steps: 1, threads: 2}\n";
  const std::string odd = place.folder / "odd";
  check_passes(place.dltool({"train", place.folder / "odd.yaml", "--run", odd}));
  check_fails(place.init({"--from", odd + "/checkpoints/last/model.safetensors"}), 5,
              "those of no network in configs/");
  const std::string oblong = place.folder / "oblong";
  check_passes(place.dltool({"train", place.folder / "odd.yaml", "--run", oblong, "--set",
                             "data.source={synthetic: {shape: [3, 8, 12], classes: 10}}"}));
  check_fails(place.init({"--from", oblong}), 5, "is a run on pictures of 8x12");
  fs::remove_all(place.pictures + "/emu");
  fs::remove_all(place.pictures + "/cat");
  check_fails(place.init(), 4, "of one class only");
  CHECK_FALSE(fs::exists(place.config));
}

}  // namespace dl::test
