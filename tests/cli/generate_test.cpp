#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

// What follows an a or a b depends on the one before it: the state must be carried.
constexpr const char* kConfig = R"(
version: 1
name: aabb
seed: 2
data:
  source: {text: {path: '@data/aabb.txt', unit: char, length: 8, valid: 0.1}}
  batch: 4
model:
  layers:
    - embedding: {num_embeddings: $data.vocabulary, embedding_dim: 8}
    - gru: {name: gru, hidden_size: 16, stateful: true}
    - linear: {out_features: $data.vocabulary}
loss: cross_entropy
optimizer: {adam: {lr: 0.02}}
train: {epochs: 12, threads: 1}
)";

/// A language model of "aabbaabb...", trained once.
struct Model {
  TempFolder folder;
  std::string run = folder / "run";

  Model() {
    const std::string config = folder / "config.yaml";
    std::ofstream(config) << kConfig;
    std::ofstream text(folder / "aabb.txt");
    for (int i = 0; i < 400; ++i) text << "aabb";
    text.close();
    const ProgramResult result = run_program(
        dl::test::dltool_binary(), {"train", config, "--run", run, "--data", folder.path()});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::filesystem::remove(folder / "aabb.txt");  // a run has all that writing needs
  }
  ProgramResult generate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"generate", run, "--data", folder.path()});
    return run_program(dl::test::dltool_binary(), arguments);
  }
};

const Model& model() {
  static const Model trained;
  return trained;
}

}  // namespace

TEST_CASE("a language model goes on with what it has learned, beyond the last character") {
  const ProgramResult result =
      model().generate({"--prompt", "aabbaab", "--length", "9", "--temperature", "0"});
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.out == "aabbaabbaabbaabb\n");
  CHECK(model().generate({"--prompt", "abba", "--length", "4", "--top-k", "1"}).out ==
        "abbaabba\n");
}

TEST_CASE("the same seed writes the same text, another one another") {
  const auto text = [](const std::string& seed) {
    return model().generate({"--length", "60", "--temperature", "3", "--seed", seed}).out;
  };
  CHECK(text("1").size() == 61);
  CHECK(text("1") == text("1"));
  CHECK(text("1") != text("2"));
}

TEST_CASE("what cannot be written says why") {
  const ProgramResult unknown = model().generate({"--prompt", "abc"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.find("--prompt: byte 3: ") != std::string::npos);
  CHECK(model().generate({"--temperature", "-1"}).exit_code == 2);
  CHECK(model().generate({"--temperature", "nan"}).exit_code == 2);
  CHECK(model().generate({"--length", "0"}).exit_code == 2);
  const ProgramResult missing =
      run_program(dl::test::dltool_binary(), {"generate", model().run + "-none"});
  CHECK(missing.exit_code == 10);
  const ProgramResult other = run_program(
      dl::test::dltool_binary(),
      {"generate", dl::test::source_path("configs/digits/resnet.yaml"), "--weights", "x"});
  CHECK(other.exit_code == 3);
  CHECK(other.err.find("not a language model") != std::string::npos);
}

TEST_CASE("words that are not known are never written, however likely they are") {
  const TempFolder folder;
  const std::string config = folder / "config.yaml", run = folder / "run";
  std::ofstream(config) << kConfig;
  std::ofstream text(folder / "aabb.txt");
  for (int i = 0; i < 200; ++i) text << "rare" << i << " scarce" << i << " one two\n";
  text.close();
  const ProgramResult trained = run_program(
      dl::test::dltool_binary(), {"train", config, "--run", run, "--data", folder.path(), "--set",
                                  "data.source.text={path: '@data/aabb.txt', unit: word, length: 8,"
                                  " valid: 0.1, min_count: 2}"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const ProgramResult result = run_program(
      dl::test::dltool_binary(), {"generate", run, "--data", folder.path(), "--length", "200"});
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.out.find("one two") != std::string::npos);
  CHECK(result.out.find("<unk>") == std::string::npos);
}

}  // namespace dl::test
