#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "engine/formats/safetensors.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// All that could change what is frozen: weight decay, momentum, averages, running statistics.
constexpr const char* kConfig = R"(
version: 1
name: pictures
vars: {classes: 4}
data:
  source: {synthetic: {shape: [2, 8, 8], classes: $classes, samples: 48, test_samples: 12}}
  batch: 8
  transforms: {train: [random_crop: {padding: 1}]}
model:
  layers:
    - conv: {name: conv1, out_channels: 6, kernel_size: 3, bias: false}
    - batch_norm: {name: bn1}
    - relu
    - dropout: {p: 0.2}
    - conv: {name: conv2, out_channels: 6, kernel_size: 3}
    - batch_norm: {name: bn2}
    - relu
    - flatten
    - linear: {name: fc, out_features: $classes}
loss: cross_entropy
optimizer: {sgd: {lr: 0.05, momentum: 0.9, weight_decay: 0.1, no_decay: ['**.bn*']}}
train: {epochs: 2, ema: {decay: 0.9}, threads: 2, checkpoint: {every: {steps: 4}, keep: 9}}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml", base = folder / "base", run = folder / "run";

  Place() {
    std::ofstream(config) << kConfig;
    REQUIRE(dltool({"train", config, "--run", base}).exit_code == 0);
  }
  static ProgramResult dltool(const std::vector<std::string>& arguments) {
    return run_program(dl::test::dltool_binary(), arguments);
  }
  ProgramResult finetune(std::vector<std::string> more) const {
    more.insert(more.begin(), {"finetune", config, "--run", run});
    return dltool(more);
  }
};

std::string last(const std::string& run, const std::string& file) {
  return run + "/checkpoints/last/" + file;
}

/// Whether a tensor is the same in both files, to the byte.
bool same(const std::string& a, const std::string& b, const std::string& name) {
  const SafetensorsFile first = SafetensorsFile::read(a), second = SafetensorsFile::read(b);
  return std::ranges::equal(first.find(name)->bytes, second.find(name)->bytes);
}

const std::vector<std::string> kBackbone = {
    "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "conv2.weight",
    "conv2.bias",   "bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var"};

}  // namespace

TEST_CASE("frozen weights, statistics and averages stay as they were, to the byte") {
  const Place place;
  const ProgramResult result =
      place.finetune({"--from", place.base, "--freeze", "--head", "fc", "--set", "train.epochs=3"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  // A run's best checkpoint is taken, with its averaged weights.
  const std::string source = last(place.base, "ema.safetensors");
  for (const std::string& name : kBackbone) {
    CAPTURE(name);
    CHECK(same(source, last(place.run, "model.safetensors"), name));
    CHECK(same(source, last(place.run, "ema.safetensors"), name));
  }
  CHECK_FALSE(same(source, last(place.run, "model.safetensors"), "fc.weight"));
  CHECK(result.err.find("frozen 462 of") != std::string::npos);
  CHECK(result.err.find("started anew: it is the new head") != std::string::npos);
}

TEST_CASE(
    "a file of weights serves as well as a run, and another number of classes is a new head") {
  const Place place;
  const ProgramResult result =
      place.finetune({"--from", last(place.base, "model.safetensors"), "--freeze=conv1",
                      "--freeze=bn1", "--set", "vars.classes=7"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const std::string source = last(place.base, "model.safetensors");
  CHECK(same(source, last(place.run, "model.safetensors"), "conv1.weight"));
  CHECK(same(source, last(place.run, "model.safetensors"), "bn1.running_var"));
  CHECK_FALSE(same(source, last(place.run, "model.safetensors"), "conv2.weight"));
  CHECK(place.dltool({"eval", place.run}).exit_code == 0);
}

TEST_CASE("a fine-tuned run goes on to the same bits without its source") {
  const Place place;
  REQUIRE(place.finetune({"--from", place.base, "--freeze=conv1"}).exit_code == 0);
  const std::string whole = place.folder / "whole";
  fs::rename(place.run, whole);
  REQUIRE(place.finetune({"--from", place.base, "--freeze=conv1", "--set", "train.max_steps=5"})
              .exit_code == 0);
  fs::remove_all(place.base);
  const ProgramResult resumed = place.dltool({"resume", place.run, "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
  for (const char* file : {"model.safetensors", "ema.safetensors", "optim.safetensors"})
    CHECK(read_bytes(last(place.run, file)) == read_bytes(last(whole, file)));
}

TEST_CASE("phases unfreeze, and a run that was stopped in any of them goes on to the same bits") {
  const Place place;
  const std::vector<std::string> arguments = {
      "--from",
      place.base,
      "--head",
      "fc",
      "--set",
      "train.epochs=~",
      "--set",
      "phases=[{epochs: 1, freeze: ['**', '!fc']}, {epochs: 2, freeze: [conv1], lr_mult: {conv2: "
      "0.1}}, {epochs: 1, freeze: [bn1]}]",
      "--set",
      "optimizer={adamw: {lr: 0.01}}",
      "--set",
      "schedule=cosine",
      "--set",
      "train.clip={norm: 0.3}"};
  const ProgramResult result = place.finetune(arguments);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.err.find("phase 1 of 3: epochs 1 to 1;") != std::string::npos);
  CHECK(result.err.find("phase 3 of 3: epochs 4 to 4;") != std::string::npos);
  const std::string whole = place.folder / "whole";
  fs::rename(place.run, whole);
  const auto after = [&](int step) {
    return whole + "/checkpoints/step-" + std::string(6, '0') + std::to_string(step / 10) +
           std::to_string(step % 10) + "/";
  };
  // Six steps an epoch, and a checkpoint every four: 4, 6, 8, 12, 16, 18, 20, 24.
  const std::string source = last(place.base, "ema.safetensors");
  CHECK(same(source, after(4) + "model.safetensors", "conv2.weight"));
  CHECK(same(source, after(16) + "model.safetensors", "conv1.weight"));
  CHECK_FALSE(same(source, after(12) + "model.safetensors", "conv2.weight"));
  CHECK_FALSE(same(source, after(24) + "model.safetensors", "conv1.weight"));
  for (const int step : {3, 6, 7, 12, 19}) {  // in a phase, at an end, in the middle of others
    CAPTURE(step);
    std::vector<std::string> stopped = arguments;
    stopped.insert(stopped.end(), {"--set", "train.max_steps=" + std::to_string(step)});
    REQUIRE(place.finetune(stopped).exit_code == 0);
    const ProgramResult resumed = place.dltool({"resume", place.run, "--set", "train.max_steps=~"});
    REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
    for (const char* file : {"model.safetensors", "ema.safetensors", "optim.safetensors"})
      CHECK(read_bytes(last(place.run, file)) == read_bytes(last(whole, file)));
    fs::remove_all(place.run);
  }
}

TEST_CASE("a run that lost the weights it began with does not begin with others") {
  const Place place;
  REQUIRE(place.finetune({"--from", place.base, "--freeze=conv1"}).exit_code == 0);
  fs::remove_all(place.run + "/checkpoints");
  const ProgramResult resumed = place.dltool({"resume", place.run});
  CHECK(resumed.exit_code == 5);
  CHECK_MESSAGE(resumed.err.find("its checkpoints are gone") != std::string::npos, resumed.err);
}

TEST_CASE("which weights of a run are taken can be said") {
  const Place place;
  const auto begins_as = [&](const std::vector<std::string>& more, const std::string& file) {
    std::vector<std::string> arguments = {"--from", place.base, "--freeze=conv1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = place.finetune(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    CHECK(same(file, last(place.run, "model.safetensors"), "conv1.weight"));
    fs::remove_all(place.run);
  };
  const std::string early = place.base + "/checkpoints/step-00000004";
  begins_as({}, last(place.base, "ema.safetensors"));
  begins_as({"--weights", "raw"}, last(place.base, "model.safetensors"));
  begins_as({"--checkpoint", "last", "--weights", "ema"}, last(place.base, "ema.safetensors"));
  begins_as({"--checkpoint", early, "--weights", "raw"}, early + "/model.safetensors");
  CHECK(place.finetune({"--from", last(place.base, "ema.safetensors"), "--weights", "raw"})
            .exit_code == 5);
  CHECK(place.finetune({"--from", place.base, "--weights", "row"}).exit_code == 3);
  CHECK(place.finetune({"--from", place.base, "--checkpoint", place.folder / "no"}).exit_code == 5);
}

TEST_CASE("a damaged checkpoint of the source is named, and an older one taken") {
  const Place place;
  std::ofstream(last(place.base, "model.safetensors"), std::ios::app) << "x";
  const ProgramResult result = place.finetune({"--from", place.base});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(result.err.find("step-00000012") != std::string::npos, result.err);
  // A checkpoint's own folder serves too.
  fs::remove_all(place.run);
  CHECK(place.finetune({"--from", place.base + "/checkpoints/step-00000004"}).exit_code == 0);
}

TEST_CASE("what cannot be transferred is said, and leaves no run") {
  const Place place;
  const auto fails = [&](const std::vector<std::string>& more, int code, const std::string& part) {
    const ProgramResult result = place.finetune(more);
    CHECK_MESSAGE(result.exit_code == code, result.err);
    CHECK_MESSAGE(result.err.find(part) != std::string::npos, result.err);
    CHECK_FALSE(fs::exists(place.run));
  };
  fails({}, 2, "--from SOURCE is missing");
  fails({"--from", place.folder.path()}, 5, "neither a run's folder nor a checkpoint's");
  fails({"--from", place.folder / "nowhere"}, 5, "no run and no file of weights at");
  fails({"--from", place.folder / "c.yaml"}, 5, "neither a safetensors file nor an ONNX");
  std::ofstream(place.folder / "w.pt") << "PK\x03\x04"
                                          "and so on";
  fails({"--from", place.folder / "w.pt"}, 5, "pickle");
  fails({"--from", place.base, "--freeze"}, 3, "leaves nothing to train");
  fails({"--from", place.base, "--freeze=cnv1"}, 3, "did you mean 'conv1'?");
  fails({"--from", place.base, "--freeze", "--freeze=conv1"}, 2, "--freeze alone");
  fails({"--from", place.base, "--head", "cf"}, 3, "no layer with weights is called 'cf'");
  fails({"--from", place.base, "--rename", "torchvison"}, 3, "did you mean 'torchvision'?");
  std::ofstream(place.config, std::ios::app) << "finetune: {from: nowhere}\n";
  fails({}, 5, "c.yaml:23:18: error: finetune: from: no run and no file of weights at 'nowhere'");
}

TEST_CASE("check looks at the weights where they are there, and says where they are not") {
  const Place place;
  const auto check = [&](const std::string& from, const std::string& more = "") {
    return place.dltool(
        {"check", place.config, "--set", "finetune={from: '" + from + "'" + more + "}"});
  };
  const ProgramResult fine = check(place.base, ", freeze: conv1");
  CHECK(fine.exit_code == 0);
  CHECK(fine.err.empty());
  CHECK(check(place.base, ", freeze: true").exit_code == 3);  // nothing is left to train
  const ProgramResult none = check(place.folder / "none");
  CHECK(none.exit_code == 0);
  CHECK(none.err.find("note: finetune.from: there is nothing at") != std::string::npos);
}

TEST_CASE("images of one channel and a source of three: the hint's channels make them fit") {
  const TempFolder folder;
  write_pictures(folder / "photos", {"cat", "dog"}, 6, 8, 8);
  const std::string config = folder / "c.yaml";
  std::ofstream(config) << R"(
data:
  source: {image_folder: {path: photos, channels: 3, size: [8, 8]}}
  batch: 4
model:
  layers:
    - conv: {name: conv1, out_channels: 4, kernel_size: 3}
    - flatten
    - linear: {name: fc, out_features: 2}
loss: cross_entropy
optimizer: {sgd: {lr: 0.01}}
train: {epochs: 1, threads: 1}
)";
  const std::string channels = "data.source.image_folder.channels";
  REQUIRE(Place::dltool({"train", config, "--run", folder / "base"}).exit_code == 0);
  const std::vector<std::string> finetune = {"finetune",      config,  "--from",
                                             folder / "base", "--run", folder / "run"};
  const auto with = [&](const std::string& value) {
    std::vector<std::string> arguments = finetune;
    arguments.insert(arguments.end(), {"--set", channels + "=" + value});
    return Place::dltool(arguments);
  };
  const ProgramResult refused = with("1");
  CHECK(refused.exit_code == 5);
  CHECK(refused.err.find("hint: 'conv1' reads 1 channel of the data, and 3 in the source: " +
                         channels + ": 3") != std::string::npos);
  CHECK(refused.err.find("--head") == std::string::npos);
  CHECK(with("3").exit_code == 0);
}

}  // namespace dl::test
