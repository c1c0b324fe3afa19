#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// What people type in their first hour: it does what they meant, or says the words to type.
namespace dl::test {
namespace {

using nlohmann::json;
using Arguments = std::vector<std::string>;

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
train: {epochs: 2, threads: 1}
)";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

struct Place {
  TempFolder folder;

  Place() { write("small.yaml", kConfig); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
  }
  ProgramResult dltool(const Arguments& arguments) const {
    return run_program(dl::test::dltool_binary(), arguments, folder.path());
  }
  ProgramResult good(const Arguments& arguments) const {
    ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return result;
  }
  /// What is printed on stderr by a command that fails with `code`.
  std::string failure(int code, const Arguments& arguments) const {
    const ProgramResult result = dltool(arguments);
    CHECK_MESSAGE(result.exit_code == code, result.err);
    return result.err;
  }
  /// What `check` says of a config with `from` replaced.
  std::string refused(const std::string& from, const std::string& to) const {
    write("bad.yaml", replaced(kConfig, from, to));
    return failure(3, {"check", "bad.yaml"});
  }
  std::string file(const std::string& name) const { return read_file(folder / name); }
};

#define CHECK_HAS(text, part) CHECK_MESSAGE(has(text, part), (text))

}  // namespace

TEST_CASE("train takes epochs, rate, batch and seed as options, and the run's config has them") {
  const Place place;
  place.good({"train", "small.yaml", "--epochs", "1", "--lr", "0.05", "--batch", "5", "--seed", "7",
              "--run", "r"});
  const std::string config = place.file("r/config.resolved.yaml");
  for (const char* part : {"epochs: 1", "lr: 0.05", "batch: 5", "seed: 7"}) CHECK_HAS(config, part);
  CHECK_HAS(place.failure(3, {"train", "small.yaml", "--lr", "fast"}), "lr: expected a number");
}

TEST_CASE("--freeze of weights that come from nowhere says how they would come, and works then") {
  const Place place;
  const std::string said = place.failure(2, {"train", "small.yaml", "--freeze", "conv1"});
  CHECK_HAS(said, "dltool finetune small.yaml --from SOURCE --freeze=conv1");
  place.good({"train", "small.yaml", "--epochs", "1", "--run", "base"});
  const std::string weights = "base/checkpoints/last/model.safetensors";
  CHECK_HAS(place.good({"finetune", "small.yaml", "--from", "base", "--freeze=conv1"}).err,
            "conv1");
  place.good({"train", "small.yaml", "--init", weights, "--freeze", "conv1", "--run", "frozen"});
  CHECK_HAS(place.file("frozen/config.resolved.yaml"), "freeze: [conv1]");
  const Arguments loose = {"finetune", "small.yaml", "--from", "base", "--freeze", "conv1"};
  CHECK_HAS(place.failure(2, loose), "write --freeze=conv1");
}

TEST_CASE("--set finds the type that is left out, and says the key where it is called otherwise") {
  const Place place;
  place.good({"train", "small.yaml", "--set", "optimizer.lr=0.3", "--set", "data.source.classes=4",
              "--set", "train.epochs=1", "--run", "r"});
  CHECK_HAS(place.file("r/config.resolved.yaml"), "sgd: {lr: 0.3");
  CHECK_HAS(place.file("r/config.resolved.yaml"), "classes: 4");
  const auto said = [&](const std::string& set) {
    return place.failure(3, {"check", "small.yaml", "--set", set});
  };
  CHECK_HAS(said("optimizer.learning_rate=0.3"), "write --set optimizer.sgd.lr=0.3");
  CHECK_HAS(said("optimizer.momentun=0.9"), "write --set optimizer.sgd.momentum=0.9");
  CHECK_HAS(said("data.batch_size=32"), "write --set data.batch=32");
  CHECK_HAS(said("train.num_epochs=3"), "write --set train.epochs=3");
  CHECK_HAS(said("train.learning_rate=3"), "it is called 'lr' and belongs under optimizer.sgd");
  CHECK_HAS(said("data.split=0.2"), "write --set data.split.valid=0.2");
  CHECK_HAS(said("train.clip=5"), "write --set train.clip.norm=5");
  CHECK_HAS(said("train.ema=true"), "write {} for the defaults");
  for (const char* set :
       {"optimizer.sgd.momentum=0.9", "data.split.valid=0.2", "train.clip.norm=5"})
    place.good({"check", "small.yaml", "--set", set});
}

TEST_CASE("losses and layers by the names of other tools lead to ours") {
  const Place place;
  const std::pair<const char*, const char*> losses[] = {
      {"bce", "bce_with_logits"},
      {"BCEWithLogitsLoss", "bce_with_logits"},
      {"ce", "cross_entropy"},
      {"nll", "cross_entropy"},
      {"crossentropy", "cross_entropy"},
      {"categorical_crossentropy", "cross_entropy"},
      {"mse_loss", "mse"},
      {"l2", "mse"},
      {"mae", "l1"},
      {"huber", "smooth_l1"}};
  for (const auto& [theirs, ours] : losses) {
    const std::string said = place.refused("loss: cross_entropy", std::string("loss: ") + theirs);
    CHECK_HAS(said, std::string("did you mean '") + ours + "'?");
    CHECK_HAS(said, std::string(ours) + " is ");  // what it computes
  }
  const std::pair<const char*, const char*> layers[] = {{"conv2d", "conv"},
                                                        {"Conv2D", "conv"},
                                                        {"dense", "linear"},
                                                        {"fc", "linear"},
                                                        {"batchnorm2d", "batch_norm"},
                                                        {"BatchNorm", "batch_norm"},
                                                        {"bn", "batch_norm"},
                                                        {"maxpool", "max_pool"},
                                                        {"MaxPooling2D", "max_pool"},
                                                        {"relu_", "relu"},
                                                        {"SiLU", "swish"},
                                                        {"AdaptiveAvgPool2d", "adaptive_avg_pool"},
                                                        {"concatenate", "concat"}};
  for (const auto& [theirs, ours] : layers) {
    const std::string said = place.refused("    - relu\n", std::string("    - ") + theirs + "\n");
    CHECK_HAS(said, std::string("'; did you mean '") + ours + "'?");
  }
}

TEST_CASE("a key that stands too far left is told where it belongs") {
  const Place place;
  CHECK_HAS(place.refused("optimizer: {sgd: {lr: 0.1}}", "optimizer:\n  sgd:\n  lr: 0.1"),
            "indent 'lr' further than 'sgd', to which it belongs");
  CHECK_HAS(place.refused("train: {epochs: 2, threads: 1}", "train:\nepochs: 2"),
            "unknown key 'epochs'; it belongs under train");
  CHECK_HAS(place.refused("    - conv: {name: conv1, out_channels: 2, kernel_size: 3, padding: 1}",
                          "    - conv:\n      out_channels: 2\n      kernel_size: 3"),
            "indent what belongs to 'conv' further than it");
  CHECK_HAS(place.refused("optimizer: {sgd: {lr: 0.1}}", "optimizer: {lr: 0.1}"),
            "if it is a parameter, write TYPE: {lr: ...}");
  CHECK_HAS(place.refused("train: {epochs: 2, threads: 1}", "train:\n  epochs: 2\n threads: 1"),
            "indentation");
}

TEST_CASE("a column that is missing is told beside those that are there, the nearest first") {
  const Place place;
  place.write("t.csv", "sepal,petal,species\n1,2,a\n3,4,b\n");
  place.write("table.yaml",
              replaced(kConfig,
                       "{synthetic: {shape: [1, 4, 4], classes: 3, samples: 60, test_samples: 12}}",
                       "{csv: {path: t.csv, target: specis}}"));
  const std::string said = place.failure(4, {"check", "table.yaml"});
  CHECK_HAS(said, "there is no column 'specis'; did you mean 'species'?");
  CHECK_HAS(said, "its columns: species, sepal, petal");
}

TEST_CASE("a folder of runs is all of them to compare, and its newest is named to all others") {
  const Place place;
  for (int i = 0; i < 2; ++i) place.good({"train", "small.yaml", "--epochs", "1"});
  const ProgramResult both = place.good({"compare", "runs/", "--json"});
  CHECK(json::parse(both.out).at("runs").size() == 2);
  const auto later = std::filesystem::file_time_type::clock::now() + std::chrono::hours(1);
  std::filesystem::last_write_time(place.folder / "runs/small-001/log.txt", later);
  const Arguments others[] = {{"eval", "runs"}, {"predict", "runs"}, {"resume", "runs"}};
  for (const Arguments& arguments : others) {
    CHECK_HAS(place.failure(10, arguments),
              "it holds 2 runs, the newest of which is runs/small-001");
  }
  CHECK_HAS(place.failure(3, {"summary", "runs/"}), "the newest of which is runs/small-001");
  CHECK_HAS(place.failure(3, {"train", "runs/small-001"}), "dltool resume runs/small-001");
}

TEST_CASE("docs finds a name wherever it is, and a key") {
  const Place place;
  CHECK(place.good({"docs", "conv"}).out.starts_with("layer: conv - "));
  CHECK(place.good({"docs", "layer", "conv"}).out.starts_with("conv - "));
  const std::string rate = place.good({"docs", "lr"}).out;
  for (const char* part : {"optimizer: sgd - ", "optimizer: adam - ", "learning rate"})
    CHECK_HAS(rate, part);
  CHECK_HAS(place.good({"docs", "train.epochs"}).out, "passes over the training samples");
  CHECK_HAS(place.good({"docs", "optimizer.sgd"}).out, "momentum");
  CHECK_HAS(place.failure(2, {"docs", "conv2d"}), "did you mean 'conv'?");
  CHECK_HAS(place.failure(2, {"docs", "layer", "dense"}), "did you mean 'linear'?");
}

TEST_CASE("the configs that come with dltool are listed, and train by name from any folder") {
  const Place place;
  const json all = json::parse(place.good({"configs", "--json"}).out);
  CHECK(all.size() > 40);
  for (const json& config : all) {
    CAPTURE(config.at("path").get<std::string>());
    CHECK(config.at("summary").get<std::string>().size() > 10);
  }
  CHECK_HAS(place.good({"configs", "digits"}).out,
            "@configs/digits/resnet.yaml  A small residual network");
  place.good({"train", "@configs/digits/resnet.yaml", "--set", "train.max_steps=1", "--run", "r"});
  const std::string elsewhere = place.failure(3, {"train", "densenet121.yaml"});
  CHECK_HAS(elsewhere, "there is @configs/imagenet/densenet121.yaml");
  std::filesystem::create_directories(place.folder / "mine");
  place.write("mine/net.yaml", kConfig);
  CHECK_HAS(place.failure(3, {"train", "net"}), "there is mine/net.yaml");
  CHECK_HAS(place.failure(3, {"check", "@configs/digits/resnt.yaml"}),
            "@configs/digits/resnet.yaml");
}

TEST_CASE("a run that ends says what to type next, and one that is over how it goes on") {
  const Place place;
  const std::string done = place.good({"train", "small.yaml", "--run", "r"}).err;
  CHECK_HAS(done, "dltool eval r\n");
  CHECK_HAS(done, "dltool predict r\n");
  CHECK_HAS(place.good({"resume", "r"}).err, "resume r --set train.epochs=4");
  CHECK_HAS(place.good({"resume", "r", "--set", "train.epochs=4"}).out, "completed");

  RunningProgram stopped(dl::test::dltool_binary(),
                         {"train", "small.yaml", "--epochs", "1000000", "--run", "s"},
                         place.folder.path());
  CHECK(wait_until([&] {
    return exists(place.folder / "s/metrics.jsonl") && !place.file("s/metrics.jsonl").empty();
  }));
  stopped.signal(SIGINT);
  const ProgramResult result = stopped.wait();
  CHECK(result.exit_code == 130);
  CHECK_HAS(result.err, "dltool resume s\n");
}

TEST_CASE("quiet training prints the result alone") {
  const Place place;
  const ProgramResult result = place.good({"train", "small.yaml", "--run", "r", "-q"});
  CHECK(result.err.empty());
  CHECK_HAS(result.out, "completed after");
  CHECK_HAS(place.file("r/log.txt"), "epoch 2/2");
}

TEST_CASE("what is wrong with the data is told before the table of layers") {
  const Place place;
  place.write("t.csv", "a,b\n1,2\n3\n");
  place.write("table.yaml", R"(
data: {source: {csv: {path: t.csv, target: b, task: regression, numeric: [a], categorical: [], offsets: [0], scales: [1],
                      target_offsets: [0], target_scales: [1]}}, batch: 1}
model: {layers: [linear: {name: only, out_features: 1}]}
loss: mse
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  const std::string said = place.failure(4, {"train", "table.yaml"});
  CHECK_HAS(said, "t.csv:3");
  CHECK_FALSE(has(said, "only"));
}

TEST_CASE("a run keeps its command line, versions, machine and commit") {
  const Place place;
  place.good({"train", "small.yaml", "--epochs", "1", "--run", "a run"});
  const json kept = json::parse(place.file("a run/env.json"));
  const Arguments command = kept.at("command");
  CHECK(command == Arguments{dl::test::dltool_binary(), "train", "small.yaml", "--epochs", "1",
                             "--run", "a run"});
  for (const char* key :
       {"dltool", "onednn", "isa", "cpu", "threads", "folder", "host", "system", "compiler"}) {
    CAPTURE(key);
    CHECK(kept.contains(key));
  }
}

}  // namespace dl::test
