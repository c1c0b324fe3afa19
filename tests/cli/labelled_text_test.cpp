#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file_system.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"
#include "tests/support/texts.h"

// Classification of texts, from the command line.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: reviews
data:
  source: {labelled_text: {path: '@data/reviews', unit: word, length: 6}}
  batch: 8
  split: {valid: 10}
model:
  layers:
    - embedding: {name: embedding, from: data.tokens, num_embeddings: $data.vocabulary, embedding_dim: 6}
    - lstm: {name: rnn, from: [embedding, data.length], hidden_size: 8, output: last}
    - linear: {out_features: $data.classes}
loss: cross_entropy
optimizer: {adam: {lr: 0.03}}
train: {epochs: 6, threads: 2}
)";

/// Unequal texts of which one word says the class.
std::string review(int number, bool good) {
  const std::string filler[] = {"a", "film", "of", "the", "year"};
  std::string text;
  for (int k = 0; k < number % 4; ++k) text += filler[(number * 3 + k) % 5] + " ";
  text += good ? "great" : "dull";
  for (int k = 0; k < number % 3; ++k) text += " " + filler[(number + k) % 5];
  return text;
}

struct Place {
  TempFolder folder;
  std::string config = folder / "reviews.yaml", data = folder / "data";

  Place() {
    write_text(config, kConfig);
    std::string rows = "label,text\n";
    for (int i = 0; i < 60; ++i) {
      const bool good = i % 2 == 0;
      const std::string name = (good ? "good/" : "not good/") + std::to_string(i) + ".txt";
      write_text(data + (i < 45 ? "/reviews/train/" : "/reviews/test/") + name, review(i, good));
      if (i < 45) rows += std::string(good ? "1" : "0") + ",\"" + review(i, good) + "\"\n";
    }
    write_text(data + "/reviews.csv", rows);
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
};

void check_fails(const ProgramResult& result, int code, const std::string& message) {
  CHECK_MESSAGE(result.exit_code == code, result.err);
  CHECK_MESSAGE(result.err.find(message) != std::string::npos, result.err);
}

}  // namespace

TEST_CASE("texts in folders are classified, and the run keeps classes and vocabulary") {
  const Place place;
  const ProgramResult result = place.train("run");
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.err.find("35 samples to train on, 10 to validate, 15 to test") != std::string::npos);
  const std::string resolved = read_file(place.folder / "run/config.resolved.yaml");
  CHECK_MESSAGE(resolved.find(R"(classes: [good, "not good"])") != std::string::npos, resolved);
  CHECK_MESSAGE(resolved.find(R"(vocabulary: ["<pad>", "<unk>", )") != std::string::npos, resolved);
  fs::remove_all(place.data + "/reviews/train");
  const ProgramResult eval = place.dltool({"eval", place.folder / "run", "--json"});
  REQUIRE_MESSAGE(eval.exit_code == 0, eval.err);
  const json out = json::parse(eval.out);
  CHECK(out["samples"] == 15);
  CHECK(out["top1"] > 0.9);
  CHECK(out["classes"][1]["name"] == "not good");
  CHECK_FALSE(out.contains("perplexity"));
}

TEST_CASE("rows of a table are classified as well") {
  const Place place;
  const std::string source = "data.source.labelled_text.";
  const std::vector<std::string> table = {source + "path=~", source + "train=@data/reviews.csv",
                                          source + "unit=char", source + "length=40",
                                          "train.epochs=1"};
  const ProgramResult result = place.train("run", table);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  write_text(place.data + "/reviews.csv", "label,text\n1,good\n,bad\n");
  check_fails(place.train("bad", table), 4,
              "reviews.csv:3:1: column 'label': is empty, expected a class");
}

TEST_CASE("check and train tell what beside the splits is not read") {
  const Place place;
  write_text(place.data + "/reviews/unlabelled/1.txt", "a film");
  const std::string note = place.data + "/reviews: unlabelled/ is not read";
  const ProgramResult check = place.dltool({"check", place.config});
  CHECK(check.exit_code == 0);
  CHECK_MESSAGE(check.err.starts_with("note: " + note), check.err);
  const ProgramResult as_json = place.dltool({"check", place.config, "--json"});
  CHECK(json::parse(as_json.out)["notes"][0].get<std::string>().starts_with(note));
  const ProgramResult train = place.train("run", {"train.epochs=1"});
  CHECK_MESSAGE(train.err.find("note: " + note) != std::string::npos, train.err);
}

TEST_CASE("a mistake inside of the data is told as it is, not as one of the config's") {
  const Place place;
  const std::string bad = place.data + "/reviews/train/good/bad.txt";
  write_text(bad, "a\n b\xff");
  const ProgramResult result = place.dltool({"check", place.config});
  CHECK(result.exit_code == 4);
  CHECK_MESSAGE(result.err.starts_with("error: " + bad + ":2:3: "), result.err);
  CHECK_MESSAGE(result.err.find("$data") == std::string::npos, result.err);
}

TEST_CASE("check and bench need the texts only for what neither source nor data says") {
  const Place place;
  fs::remove_all(place.data);
  const std::string classes = "data.source.labelled_text.classes=[a, b, c]";
  check_fails(place.dltool({"check", place.config}), 4,
              "there is no such folder; $data.vocabulary needs the number of tokens");
  check_fails(place.dltool({"check", place.config}, {classes}), 4, "$data.vocabulary needs");
  check_fails(place.dltool({"check", place.config}, {"data.vocabulary=30"}), 4,
              "$data.classes needs the number of classes");
  const std::vector<std::string> both = {classes, "data.vocabulary=30"};
  CHECK(place.dltool({"check", place.config}, both).exit_code == 0);
  CHECK(place.dltool({"bench", place.config, "--steps", "1"}, both).exit_code == 0);
}

TEST_CASE("new texts are predicted, from a table or a file of one, and need no class") {
  const Place place;
  REQUIRE(place.train("run").exit_code == 0);
  const auto predicted = [&](const std::string& file) {
    const ProgramResult result =
        place.dltool({"predict", place.folder / "run", "--json", "--input", place.folder / file});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::vector<json> lines;
    std::istringstream in(result.out);
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  };
  write_text(place.folder / "new.csv", "id,text\n7,\"a, great year\"\n8,dull of\n");
  const std::vector<json> table = predicted("new.csv");
  REQUIRE(table.size() == 2);
  CHECK(table[0]["predicted"] == "good");
  CHECK(table[1]["predicted"] == "not good");
  CHECK(table[1]["name"] == place.folder / "new.csv:3");
  CHECK_FALSE(table[0].contains("target"));
  write_text(place.folder / "new.txt", "great film");
  const std::vector<json> lone = predicted("new.txt");
  REQUIRE(lone.size() == 1);
  CHECK(lone[0]["predicted"] == "good");
  write_text(place.folder / "new.csv", "text,label\ngreat,good\ndull,\n");
  CHECK(predicted("new.csv")[0]["target"] == "good");
  CHECK(predicted("new.csv")[1]["target"].is_null());
  write_text(place.folder / "new.csv", "words\ngreat\n");
  check_fails(place.dltool({"predict", place.folder / "run", "--input", place.folder / "new.csv"}),
              4, "there is no column 'text'");
}

TEST_CASE("texts are drawn by class, and some classes of them taken") {
  const Place place;
  for (const char* name : {"bad", "fair"})
    write_text(place.data + "/reviews/train/" + name + "/1.txt", "a film");
  const ProgramResult balanced = place.train("balanced", {"data.sampler=balanced"});
  REQUIRE_MESSAGE(balanced.exit_code == 0, balanced.err);
  const ProgramResult some = place.train(
      "some", {"data.subset={classes: [not good, good], per_class: 9}", "data.split.valid=0"});
  REQUIRE_MESSAGE(some.exit_code == 0, some.err);
  CHECK(some.err.find("18 samples to train on, 15 to test") != std::string::npos);
  const json out = json::parse(place.dltool({"eval", place.folder / "some", "--json"}).out);
  CHECK(out["classes"].size() == 2);
  CHECK(out["classes"][0]["name"] == "not good");
}

TEST_CASE("a folder of texts without classes is predicted, and what it holds beside them is told") {
  const Place place;
  write_text(place.data + "/reviews/test/1.txt", "great film");
  fs::remove_all(place.data + "/reviews/test/good");
  fs::remove_all(place.data + "/reviews/test/not good");
  write_text(place.data + "/reviews/test/more/2.txt", "dull film");
  write_text(place.data + "/reviews/test/more/3.md", "dull film");
  check_fails(place.dltool({"check", place.config}), 4, "'more' is none of the classes");
  const std::string ignore = "data.source.labelled_text.ignore=[more]";
  const ProgramResult result = place.train("run", {ignore});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.err.find("test: its 1 text is in no class's folder") != std::string::npos);
  const ProgramResult predicted =
      place.dltool({"predict", place.folder / "run", place.data + "/reviews/test", "--json"});
  REQUIRE_MESSAGE(predicted.exit_code == 0, predicted.err);
  CHECK(std::ranges::count(predicted.out, '\n') == 2);
  CHECK(predicted.err.find("1 of 3 files is not read: 1 .md") != std::string::npos);
}

TEST_CASE("check and train tell that nothing reads the lengths") {
  const Place place;
  const std::string note = "note: nothing reads data.length: ",
                    set = "model.layers.1.lstm.from=embedding";
  CHECK(place.dltool({"check", place.config}).err.find(note) == std::string::npos);
  const ProgramResult check = place.dltool({"check", place.config}, {set});
  CHECK(check.exit_code == 0);
  CHECK_MESSAGE(check.err.starts_with(note), check.err);
  const json outcome = json::parse(place.dltool({"check", place.config, "--json"}, {set}).out);
  CHECK(std::ranges::count(outcome["notes"], note.substr(6), [&](const json& text) {
          return text.get<std::string>().substr(0, note.size() - 6);
        }) == 1);
  const ProgramResult train = place.train("run", {set, "train.epochs=1"});
  CHECK_MESSAGE(train.err.find("nothing reads data.length: ") != std::string::npos, train.err);
}

TEST_CASE("tokens stay whole numbers under another shape") {
  const Place place;
  const std::string reshaped =
      "model.layers=[reshape: {name: column, from: data.tokens, shape: [6, 1]}, reshape: {name: "
      "row, "
      "shape: [6]}, embedding: {name: embedding, num_embeddings: $data.vocabulary, embedding_dim: "
      "6}, lstm: {name: rnn, from: [embedding, data.length], hidden_size: 8, output: last}, "
      "linear: "
      "{out_features: $data.classes}]";
  REQUIRE(place.train("plain", {"train.epochs=1"}).exit_code == 0);
  const ProgramResult result = place.train("reshaped", {reshaped, "train.epochs=1"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const std::string model = "/checkpoints/last/model.safetensors";
  CHECK(
      (read_file(place.folder / "plain" + model) == read_file(place.folder / "reshaped" + model)));
}

}  // namespace dl::test
