#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "engine/formats/safetensors.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Fine-tuning where rows and columns of the weights stand for words, columns and classes: those of
// the source's run and of the new data need not be the same.
namespace dl::test {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Place {
  TempFolder folder;
  std::string base = folder / "base", run = folder / "run";

  ProgramResult dltool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", folder.path()});
    return run_program(dl::test::dltool_binary(), arguments);
  }
  void train(const std::string& config) const {
    write_text(folder / "base.yaml", config);
    const ProgramResult result = dltool({"train", folder / "base.yaml", "--run", base});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  ProgramResult finetune(const std::string& config, std::vector<std::string> more = {}) const {
    fs::remove_all(run);
    write_text(folder / "new.yaml", config);
    more.insert(more.begin(), {"finetune", folder / "new.yaml", "--from", base, "--run", run});
    return dltool(more);
  }
};

/// Nothing is learned, so that weights stay what they begin with.
constexpr const char* kTraining =
    "loss: cross_entropy\noptimizer: {sgd: {lr: 0}}\ntrain: {epochs: 1, threads: 2}\n";

std::string texts(const std::string& file) {
  return "data: {source: {labelled_text: {train: '@data/" + file +
         "', unit: word, length: 4}}, batch: 4}\nmodel:\n  layers:\n"
         "    - embedding: {name: emb, num_embeddings: $data.vocabulary, embedding_dim: 3, from: "
         "data.tokens}\n"
         "    - lstm: {name: rnn, hidden_size: 5, output: last, from: [emb, data.length]}\n"
         "    - linear: {name: fc, out_features: $data.classes}\n" +
         kTraining;
}

/// Rows of texts, of the labels in turn.
std::string table(const std::vector<std::string>& rows, const std::vector<std::string>& labels) {
  std::string text = "text,label\n";
  for (std::size_t i = 0; i < 2 * rows.size(); ++i)
    text += rows[i / 2] + "," + labels[i % 2] + "\n";
  return text;
}

std::vector<float> row(const std::string& run, std::size_t i) {
  const auto file = SafetensorsFile::read(run + "/checkpoints/last/model.safetensors");
  const auto values = file.find("emb.weight")->floats();
  return {values.begin() + 3 * static_cast<std::ptrdiff_t>(i),
          values.begin() + 3 * static_cast<std::ptrdiff_t>(i + 1)};
}

std::string columns(const std::string& file, const std::string& more = "") {
  return "data: {source: {csv: {path: '@data/" + file + "', target: y" + more +
         "}}, batch: 4}\nmodel: {layers: [linear: {name: low, out_features: 4}, relu, "
         "linear: {name: fc, out_features: $data.classes}]}\n" +
         kTraining;
}

}  // namespace

TEST_CASE("an embedding's rows go to their words, whatever their numbers are") {
  const Place place;
  write_text(place.folder / "a.csv",
             table({"alpha beta gamma", "alpha beta", "alpha alpha"}, {"neg", "pos"}));
  write_text(place.folder / "b.csv",
             table({"gamma delta alpha", "gamma delta", "gamma gamma"}, {"neg", "pos"}));
  place.train(texts("a.csv"));  // <pad> <unk> alpha beta gamma
  const ProgramResult result = place.finetune(texts("b.csv"), {"--set", "seed=7"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(has(result.err, "loaded, 4 of 5 tokens"), result.err);
  CHECK(row(place.run, 0) == row(place.base, 0));
  CHECK(row(place.run, 1) == row(place.base, 1));
  CHECK(row(place.run, 2) == row(place.base, 4));  // gamma
  CHECK(row(place.run, 4) == row(place.base, 2));  // alpha
  CHECK(row(place.run, 3) != row(place.base, 3));  // delta is new
  // What is partly new is not frozen with the rest, and not by name.
  const ProgramResult frozen = place.finetune(texts("b.csv"), {"--freeze", "--head", "fc"});
  REQUIRE_MESSAGE(frozen.exit_code == 0, frozen.err);
  CHECK_MESSAGE(has(frozen.err, "trained        loaded, 4 of 5 tokens"), frozen.err);
  const ProgramResult named = place.finetune(texts("b.csv"), {"--freeze=emb"});
  CHECK(named.exit_code == 3);
  CHECK_MESSAGE(has(named.err, "of 'emb.weight' only 4 of 5 tokens"), named.err);
  // As many words or not.
  write_text(place.folder / "c.csv", table({"gamma alpha", "gamma alpha"}, {"neg", "pos"}));
  const ProgramResult fewer = place.finetune(texts("c.csv"), {"--freeze", "--head", "fc"});
  REQUIRE_MESSAGE(fewer.exit_code == 0, fewer.err);
  CHECK(row(place.run, 2) == row(place.base, 2));
  CHECK(row(place.run, 3) == row(place.base, 4));
  CHECK_FALSE(has(fewer.err, "tokens"));
}

TEST_CASE("what tells the next token has a row for each") {
  const Place place;
  const auto config = [](const std::string& file) {
    return "data: {source: {text: {train: '@data/" + file +
           "', unit: char, length: 4}}, batch: 2}\nmodel:\n  layers:\n"
           "    - embedding: {name: emb, num_embeddings: $data.vocabulary, embedding_dim: 3}\n"
           "    - linear: {name: fc, out_features: $data.vocabulary}\n" +
           std::string(kTraining);
  };
  std::string first, second;
  for (int i = 0; i < 30; ++i) first += "abc", second += "bcd";
  write_text(place.folder / "a.txt", first);
  write_text(place.folder / "b.txt", second);
  place.train(config("a.txt"));
  const ProgramResult result = place.finetune(config("b.txt"));
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(row(place.run, 0) == row(place.base, 1));
  const auto bias = [](const std::string& run) {
    const auto file = SafetensorsFile::read(run + "/checkpoints/last/model.safetensors");
    const auto values = file.find("fc.bias")->floats();
    return std::vector<float>(values.begin(), values.end());
  };
  CHECK(bias(place.run)[0] == bias(place.base)[1]);
  CHECK(bias(place.run)[1] == bias(place.base)[2]);
}

TEST_CASE("a head for other classes is started anew, as many as they are") {
  const Place place;
  const std::vector<std::string> rows = {"alpha beta gamma", "alpha beta", "alpha alpha"};
  write_text(place.folder / "a.csv", table(rows, {"neg", "pos"}));
  write_text(place.folder / "b.csv", table(rows, {"pos", "zzz"}));
  place.train(texts("a.csv"));
  CHECK_FALSE(has(place.finetune(texts("a.csv")).err, "started anew"));
  const ProgramResult result = place.finetune(texts("b.csv"));
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(
      has(result.err, "started anew: other classes: class 0 is 'pos' here, 'neg' in the source"),
      result.err);
  // The run is known by its checkpoints and by their files too.
  for (const char* part : {"/checkpoints/last", "/checkpoints/last/model.safetensors"}) {
    const ProgramResult check =
        place.dltool({"import", place.base + part, "--config", place.folder / "new.yaml"});
    CHECK_MESSAGE(has(check.out, "other classes"), check.out);
  }
}

TEST_CASE("columns of a table are those of the source, or it is an error") {
  const Place place;
  std::string a = "x,kind,y\n", b = a, other = "u,v,w,y\n";
  for (int i = 0; i < 12; ++i) {
    const std::string x = std::to_string(i), y = i % 2 ? "p\n" : "q\n";
    a += x + (i % 3 ? ",red," : ",blue,") + y;
    b += x + (i % 3 ? ",red," : ",green,") + y;
    other += x + "," + x + "," + x + "," + y;
  }
  write_text(place.folder / "a.csv", a);
  write_text(place.folder / "b.csv", b);
  write_text(place.folder / "other.csv", other);
  place.train(columns("a.csv"));
  CHECK(place.finetune(columns("a.csv")).exit_code == 0);
  const ProgramResult result = place.finetune(columns("b.csv"));
  CHECK(result.exit_code == 5);
  CHECK_MESSAGE(has(result.err,
                    "'low' reads other features: feature 1 is 'kind=green' here, "
                    "'kind=blue' in the source"),
                result.err);
  CHECK(place.finetune(columns("b.csv"), {"--head", "low"}).exit_code == 0);
  CHECK(place.finetune(columns("b.csv", ", categories: [[blue, red]]")).exit_code != 5);
  // Columns that have nothing to do with the source's are taken in their order.
  CHECK(place.finetune(columns("other.csv")).exit_code == 0);
}

}  // namespace dl::test
