#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Language models on a text, from the command line.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: chars
data:
  source: {text: {path: '@data/t.txt', length: 10, valid: 0.2}}
  batch: 4
model:
  layers:
    - embedding: {name: embedding, num_embeddings: $data.vocabulary, embedding_dim: 8}
    - gru: {name: rnn, hidden_size: 16, stateful: true}
    - linear: {name: fc, out_features: $data.vocabulary}
loss: cross_entropy
optimizer: {adam: {lr: 0.02}}
train: {epochs: 2, threads: 2}
)";

/// 1,300 characters of 16 kinds, which repeat themselves enough to be learnt.
std::string sentences() {
  const std::string who[] = {"a cat", "the dog", "a big dog"}, what[] = {"sat", "ate", "hid $5"};
  std::string text;
  for (std::size_t i = 0; text.size() < 1300; ++i)
    text += who[i % 3] + " " + what[i * 7 % 5 % 3] + ".\n";
  return text.substr(0, 1300);
}

struct Place {
  TempFolder folder;
  std::string config = folder / "chars.yaml", data = folder / "data", text = data + "/t.txt";

  Place() {
    std::ofstream(config) << kConfig;
    fs::create_directories(data);
    std::ofstream(text) << sentences();
  }
  ProgramResult dltool(std::vector<std::string> arguments,
                       const std::vector<std::string>& sets = {}) const {
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    arguments.insert(arguments.end(), {"--data", data});
    return run_program(dl::test::dltool_binary(), arguments);
  }
  ProgramResult train(const std::string& run, const std::vector<std::string>& sets = {}) const {
    return dltool({"train", config, "--run", folder / run}, sets);
  }
  std::string weights(const std::string& run) const {
    return read_file(folder / (run + "/checkpoints/last/model.safetensors"));
  }
};

void check_fails(const ProgramResult& result, int code, const std::string& message) {
  CHECK_MESSAGE(result.exit_code == code, result.err);
  CHECK_MESSAGE(result.err.find(message) != std::string::npos, result.err);
}

std::vector<json> lines_of(const std::string& path) {
  std::istringstream in(read_file(path));
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("a language model is trained, keeps its vocabulary and reports perplexity and bits") {
  const Place place;
  const ProgramResult result = place.train("run", {"train.epochs=4"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  // 1,040 and 260 characters: 103 and 25 windows, of which 4 places get 25 and 6 each.
  for (const char* note : {"103 samples to train on, 25 to validate",
                           "train: the last 3 of 103 samples are left out: the 4 places of a batch "
                           "share the others evenly",
                           "valid: the last 1 of 25 samples are left out"})
    CHECK_MESSAGE(result.err.find(note) != std::string::npos, result.err);
  const std::vector<json> lines = lines_of(place.folder / "run/metrics.jsonl");
  REQUIRE(lines.size() == 8);
  for (const json& line : lines) {
    const double loss = line["loss"];
    CHECK(line["perplexity"].get<double>() == doctest::Approx(std::exp(loss)));
    CHECK(line["bits_per_char"].get<double>() == doctest::Approx(loss / std::log(2.0)));
    CHECK_FALSE(line.contains("top1"));
  }
  CHECK(lines[7]["perplexity"] < 0.7 * lines[1]["perplexity"].get<double>());
  const std::string resolved = read_file(place.folder / "run/config.resolved.yaml");
  CHECK_MESSAGE(resolved.find(R"("\x0a")") != std::string::npos, resolved);
  CHECK_MESSAGE(resolved.find(R"("$$")") != std::string::npos, resolved);
  CHECK(place.dltool({"summary", place.folder / "run"}).exit_code == 0);
}

TEST_CASE("perplexity is that of the text, whatever smoothing and weights make of the loss") {
  const Place place;
  // A rate of next to nothing: the networks stay the same, only their losses differ.
  const std::vector<std::string> still = {"optimizer={sgd: {lr: 1e-30}}", "train.epochs=1"};
  const auto lines = [&](const std::string& run, const std::string& loss) {
    std::vector<std::string> sets = still;
    sets.push_back("loss=" + loss);
    const ProgramResult result = place.train(run, sets);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return lines_of(place.folder / run + "/metrics.jsonl");
  };
  const std::vector<json> plain = lines("plain", "cross_entropy");
  const std::string weights = "[0, 5, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1]";
  const std::vector<json> smoothed = lines("smoothed", "{cross_entropy: {label_smoothing: 0.3}}");
  const std::vector<json> weighted =
      lines("weighted", "{cross_entropy: {class_weights: " + weights + "}}");
  for (std::size_t i = 0; i < 2; ++i) {  // train, valid
    for (const json& line : {smoothed[i], weighted[i]}) {
      CHECK(line["loss"] != plain[i]["loss"]);
      for (const char* name : {"perplexity", "bits_per_char"})
        CHECK(line[name].get<double>() == doctest::Approx(plain[i][name].get<double>()));
    }
  }
}

TEST_CASE("the perplexity of a smoothed epoch that is stopped and resumed keeps its bits") {
  const Place place;
  const std::string loss = "loss={cross_entropy: {label_smoothing: 0.3}}";
  REQUIRE(place.train("whole", {loss}).exit_code == 0);
  REQUIRE(place.train("part", {loss, "train.max_steps=11"}).exit_code == 0);
  const ProgramResult resumed =
      place.dltool({"resume", place.folder / "part"}, {"train.max_steps=1000"});
  REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
  const auto whole = lines_of(place.folder / "whole/metrics.jsonl");
  const auto part = lines_of(place.folder / "part/metrics.jsonl");
  CHECK(whole.back()["perplexity"] == part.back()["perplexity"]);
  // The first epoch's line, behind one of the evaluation where it stopped.
  const auto same = [&](const json& line) {
    return line["split"] == "train" && line["perplexity"] == whole[0]["perplexity"];
  };
  CHECK(std::ranges::any_of(part, same));
}

TEST_CASE("eval of a stream shows its metrics and no table of tokens") {
  const Place place;
  REQUIRE(place.train("run").exit_code == 0);
  const ProgramResult text = place.dltool({"eval", place.folder / "run"});
  REQUIRE_MESSAGE(text.exit_code == 0, text.err);
  CHECK(text.out.starts_with("valid: 24 samples, loss "));
  CHECK(text.out.find("bits_per_char") != std::string::npos);
  CHECK(text.out.find("precision") == std::string::npos);
  const json out = json::parse(place.dltool({"eval", place.folder / "run", "--json"}).out);
  CHECK(out["perplexity"] == std::exp(out["loss"].get<double>()));
  CHECK_FALSE(out.contains("classes"));
  CHECK_FALSE(out.contains("confusion"));
  check_fails(place.dltool({"predict", place.folder / "run"}), 3, "pieces of a stream");
  // The text may change where it is not train: the run's vocabulary is used.
  std::ofstream(place.text) << sentences().substr(0, 1299) << "%";
  check_fails(place.dltool({"eval", place.folder / "run"}), 4, "'%' (U+0025) is not in the");
}

TEST_CASE("a run that is stopped in the middle of an epoch goes on to the same bits") {
  const Place place;
  REQUIRE(place.train("whole").exit_code == 0);
  for (const int step : {1, 25, 33}) {  // after a batch, an epoch, in the second
    const std::string run = "part" + std::to_string(step);
    const ProgramResult stopped = place.train(run, {"train.max_steps=" + std::to_string(step)});
    REQUIRE_MESSAGE(stopped.exit_code == 0, stopped.err);
    CHECK(place.weights(run) != place.weights("whole"));
    const ProgramResult resumed =
        place.dltool({"resume", place.folder / run}, {"train.max_steps=1000"});
    REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
    CHECK(place.weights(run) == place.weights("whole"));
  }
}

TEST_CASE("a requirement and the monitor can name perplexity, less of which is better") {
  const Place place;
  const std::vector<std::string> watch = {"train.monitor=valid/perplexity", "train.epochs=3"};
  CHECK(place.train("watched", watch).exit_code == 0);
  const std::string best = fs::read_symlink(place.folder / "watched/checkpoints/best");
  CHECK(best == "step-00000075");
  check_fails(place.dltool({"train", place.config, "--run", place.folder / "strict", "--require",
                            "valid/bits_per_char<=0.01"}),
              13, "--require valid/bits_per_char<=0.01: it is ");
  CHECK(place
            .dltool({"train", place.config, "--run", place.folder / "lax", "--require",
                     "valid/perplexity<=100"})
            .exit_code == 0);
}

TEST_CASE("words, bytes and other networks are trained as well") {
  const Place place;
  const std::string source = "data.source.text.";
  for (const std::vector<std::string>& sets :
       {std::vector<std::string>{source + "unit=word", source + "length=3", source + "min_count=2"},
        {source + "unit=byte"},
        {"model.layers.1={lstm: {name: rnn, hidden_size: 8, num_layers: 2, dropout: 0.2}}"},
        {"data.eval_batch=3", "data.prefetch=0", "data.shuffle=false"}}) {
    CAPTURE(sets[0]);
    const ProgramResult result = place.train("run", sets);
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    fs::remove_all(place.folder / "run");
  }
}

TEST_CASE("check, summary and bench need the text only to count tokens") {
  const Place place;
  CHECK(place.dltool({"check", place.config}).exit_code == 0);
  fs::remove(place.text);
  check_fails(place.dltool({"check", place.config}), 4,
              "t.txt: No such file or directory; $data.vocabulary needs the number of tokens");
  for (const char* set : {"data.vocabulary=16", "data.source.text.vocabulary=[a, b, c]"}) {
    CAPTURE(set);
    CHECK(place.dltool({"check", place.config}, {set}).exit_code == 0);
    CHECK(place.dltool({"summary", place.config}, {set}).exit_code == 0);
    CHECK(place.dltool({"bench", place.config, "--steps", "1"}, {set}).exit_code == 0);
    check_fails(place.train("none", {set}), 4, "t.txt: No such file or directory");
  }
}

TEST_CASE("room for more tokens than the text has is fine, and for fewer an error") {
  const Place place;
  CHECK(place.train("more", {"data.vocabulary=20"}).exit_code == 0);
  check_fails(place.dltool({"check", place.config}, {"data.vocabulary=15"}), 3,
              "chars.yaml:5:3: error: data: vocabulary is 15, but the source has 16");
  check_fails(
      place.dltool({"check", place.config}, {"model.layers.0.embedding.num_embeddings=15"}), 3,
      "layer 'embedding' (embedding): num_embeddings is 15, but the data has 16 different tokens");
  check_fails(place.dltool({"check", place.config},
                           {"model.layers.0.embedding={from: data.next, num_embeddings: 15, "
                            "embedding_dim: 4}"}),
              3, "num_embeddings is 15, but the data has 16 different tokens");
  check_fails(place.dltool({"check", place.config}, {"model.layers.2.linear.out_features=15"}), 3,
              "'fc' predicts 15 classes but the data has 16");
}

TEST_CASE("what makes no sense on a stream is refused") {
  const Place place;
  check_fails(place.dltool({"check", place.config}, {"data.split={valid: 3}"}), 3,
              "data: split: the samples of this source follow on one another");
  check_fails(place.dltool({"check", place.config}, {"data.shuffle=true"}), 3,
              "data: shuffle: true, but the samples are pieces of one stream");
  check_fails(place.dltool({"check", place.config}, {"data.drop_last=false"}), 3,
              "data: drop_last: false, but the samples are pieces of one stream");
  check_fails(place.dltool({"check", place.config},
                           {"data.transforms.train=[normalize: {mean: 0, std: 1}]"}),
              3, "normalize: the samples are tokens");
}

TEST_CASE("a text that is too short or broken ends training with 4 and no folder") {
  const Place place;
  check_fails(place.train("run", {"data.batch=200"}), 4,
              "train has 103 samples of the stream, fewer than the 200 places of a batch");
  for (const char* part :
       {"valid has 25 samples of the stream, fewer than the 26 places of a batch",
        "hint: a smaller data.eval_batch, or a smaller length"})
    check_fails(place.train("run", {"data.eval_batch=26"}), 4, part);
  check_fails(place.train("run", {"data.source.text.length=300", "data.batch=2"}), 4,
              "t.txt (valid): has 260 tokens (characters), fewer than a sample of 300");
  std::ofstream(place.text, std::ios::app) << "a\n\xFFz";
  check_fails(place.train("run"), 4, "the byte 0xff is not UTF-8 here");
  CHECK_FALSE(fs::exists(place.folder / "run"));
}

}  // namespace dl::test
