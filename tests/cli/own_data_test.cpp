#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/file_system.h"
#include "datasets/tables/csv_file.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Tables, texts and series as people have them, from the command line; and what init makes of them.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<std::string>>;

/// A working folder with files in it.
struct Place {
  ProgramResult dltool(const std::vector<std::string>& arguments) const {
    return run_program(dl::test::dltool_binary(), arguments, folder.path());
  }
  void passes(const std::vector<std::string>& arguments) const {
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  void config(const std::string& data, const std::string& model, const std::string& rest) const {
    std::ofstream(folder / "c.yaml")
        << "data: {" << data << "}\nmodel: {layers: [" << model << "]}\n"
        << rest << "\n";
  }
  Rows predicted(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"predict", "run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    write_text(folder / "out.csv", result.out);
    CsvFile file(folder / "out.csv");
    Rows rows;
    while (file.next()) {
      rows.emplace_back();
      for (const CsvField& field : file.row()) rows.back().emplace_back(field.text);
    }
    return rows;
  }
  std::string error(int code, const std::vector<std::string>& arguments) const {
    const ProgramResult result = dltool(arguments);
    CHECK_MESSAGE(result.exit_code == code, result.err);
    return result.err;
  }
  TempFolder folder;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Points of which those above the line x + y = 1 are 1; a formula, so that nothing is drawn.
std::string points() {
  std::string text = "x,y,label\n";
  for (int i = 0; i < 200; ++i) {
    const double x = std::sin(1.7 * i) * 2, y = std::sin(2.3 * i + 1) * 2;
    text += std::to_string(x) + "," + std::to_string(y) + "," + (x + y > 1 ? "1" : "0") + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a column of 0 and 1 is learned by bce_with_logits as it stands") {
  const Place place;
  write_text(place.folder / "t.csv", points());
  place.config("source: {csv: {train: t.csv, target: label}}, batch: 20, split: {valid: 40}",
               "linear: {name: f1, out_features: 16}, relu, linear: {name: fc, out_features: 1}",
               "loss: bce_with_logits\noptimizer: {adam: {lr: 0.01}}\n"
               "train: {epochs: 60, threads: 1}");
  place.passes({"train", "c.yaml", "--run", "run"});
  const std::string metrics = read_file(place.folder / "run/metrics.jsonl");
  CHECK(metrics.find("\"loss\":-") == std::string::npos);
  int right = 0;
  const Rows rows = place.predicted({"t.csv"});
  CsvFile table(place.folder / "t.csv");
  for (const auto& row : rows) {
    REQUIRE(table.next());
    right += (std::stod(row[2]) > 0) == (table.row()[2].text == "1");
  }
  CHECK(right >= 0.97 * static_cast<double>(rows.size()));

  write_text(place.folder / "t.csv", "x,y,label\n1,2,0\n3,4,1\n5,6,2\n");
  CHECK(contains(place.error(4, {"check", "c.yaml"}),
                 "t.csv:4:5: column 'label': the target is 2, but bce_with_logits reads numbers "
                 "from 0 to 1"));
}

TEST_CASE("stray quotes in a TSV merge no rows") {
  const Place place;
  write_text(place.folder / "q.tsv",
             "text\tlabel\n\"He said so\tpos\nplain one\tneg\nplain two\tpos\nshe left\"\tneg\n");
  place.config(
      "source: {labelled_text: {train: q.tsv, separator: tab, length: 12, unit: word}}, "
      "batch: 1",
      "embedding: {name: e, from: data.tokens, num_embeddings: $data.vocabulary, "
      "embedding_dim: 4}, gru: {name: r, hidden_size: 4, output: last, from: [e, "
      "data.length]}, linear: {name: fc, out_features: $data.classes}",
      "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1, threads: 1}");
  place.passes({"train", "c.yaml", "--run", "run"});
  CHECK(place.predicted({"--split", "train"}).size() == 4);
}

TEST_CASE("a run on a table that no YAML could hold is read, resumed, evaluated and predicted") {
  const Place place;
  constexpr int kColumns = 24'000;
  std::string text;
  for (int i = 0; i < kColumns; ++i)
    text += "expression_of_gene_" + std::to_string(i) + std::string(140, 'x') + ",";
  text += "label\n";
  for (int row = 0; row < 6; ++row) {
    for (int i = 0; i < kColumns; ++i) text += std::to_string((i * 7 + row * row) % 10) + ",";
    text += row % 2 == 0 ? "a\n" : "b\n";
  }
  write_text(place.folder / "t.csv", text);
  place.config("source: {csv: {train: t.csv, target: label}}, batch: 3",
               "linear: {name: fc, out_features: 2}",
               "loss: cross_entropy\noptimizer: {sgd: {lr: 0.001}}\n"
               "train: {epochs: 1, threads: 1}");
  place.passes({"train", "c.yaml", "--run", "run"});
  CHECK(fs::file_size(place.folder / "run/config.resolved.yaml") < 2000);
  CHECK(fs::file_size(place.folder / "run/data_facts.json") > 4'000'000);
  place.passes({"eval", "run", "--split", "train"});
  place.passes({"resume", "run", "--set", "train.epochs=2"});
  fs::remove(place.folder / "c.yaml");
  CHECK(place.predicted({"t.csv"}).size() == 6);
  std::string facts = read_file(place.folder / "run/data_facts.json");
  facts[facts.size() / 2] ^= 1;
  write_text(place.folder / "run/data_facts.json", facts);
  CHECK(contains(place.error(5, {"eval", "run"}), "has changed since it was written"));
}

TEST_CASE("numeric labels are classes once the config says so, as the message advises") {
  const Place place;
  std::string text = "x,label\n";
  for (int i = 0; i < 12; ++i) text += std::to_string(i * i) + "," + std::to_string(i % 2) + ".0\n";
  write_text(place.folder / "t.csv", text);
  place.config("source: {csv: {train: t.csv, target: label}}, batch: 4",
               "linear: {name: fc, out_features: $data.classes}",
               "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1, threads: 1}");
  CHECK(contains(place.error(3, {"check", "c.yaml"}), "task: classification, in the source"));
  place.passes({"train", "c.yaml", "--run", "run", "--set", "data.source.csv.task=classification"});
  CHECK(place.predicted({"--split", "train"}).size() == 12);
}

TEST_CASE("a column of names and a column of dates name predictions and forecasts") {
  const Place place;
  std::string pets = "name,weight,kind\n", months = "Date,y\n";
  for (int i = 0; i < 30; ++i)
    pets += "pet" + std::to_string(i) + "," + std::to_string(i % 7) + "," + (i % 2 ? "a\n" : "b\n");
  for (int i = 0; i < 36; ++i)
    months += std::to_string(1958 + i / 12) + (i % 12 < 9 ? "-0" : "-") +
              std::to_string(i % 12 + 1) + "," + std::to_string(i % 12 + i) + "\n";
  write_text(place.folder / "pets.csv", pets);
  write_text(place.folder / "air.csv", months);
  const std::string rest = "optimizer: {sgd: {lr: 0.01}}\ntrain: {epochs: 1, threads: 1}";
  place.config("source: {csv: {train: pets.csv, target: kind}}, batch: 4",
               "linear: {name: fc, out_features: 2}", "loss: cross_entropy\n" + rest);
  CHECK(contains(place.error(4, {"check", "c.yaml"}), "id: name, in the source"));
  place.passes({"train", "c.yaml", "--run", "run", "--set", "data.source.csv.id=name"});
  CHECK(place.predicted({"pets.csv"})[3][1] == "pet3");
  fs::remove_all(place.folder / "run");
  place.config("source: {csv_sequence: {path: air.csv, window: 6}}, batch: 4",
               "flatten, linear: {name: fc, out_features: 1}", "loss: mse\n" + rest);
  place.passes({"train", "c.yaml", "--run", "run"});
  CHECK(place.predicted({"air.csv"}).back()[1] == "1961-01");
}

TEST_CASE("init writes configs that train for tables, sequences, series and texts") {
  const Place place;
  std::string table = "id,size,colour,kind,price\n", months = "month,y\n", series, story;
  for (int i = 0; i < 40; ++i) {
    table += "n" + std::to_string(i) + "," + (i == 7 ? "" : std::to_string(i % 9 + 0.5)) + "," +
             (i % 3 ? "red" : "blue") + "," + (i % 2 ? "cat" : "dog") + "," +
             std::to_string(100.5 + i) + "\n";
    months += std::to_string(2001 + i / 12) + (i % 12 < 9 ? "-0" : "-") +
              std::to_string(i % 12 + 1) + "," + std::to_string(i % 12) + "\n";
    series += std::string(i % 2 ? "1,2,?,4,5:up\n" : "5,4,3:down\n");
    story += "It was a dark and stormy night, number " + std::to_string(i) + ".\n";
  }
  write_text(place.folder / "table.csv", table);
  write_text(place.folder / "months.csv", months);
  write_text(place.folder / "s_TRAIN.ts", "@classLabel true up down\n@data\n" + series);
  write_text(place.folder / "s_TEST.ts", "@classLabel true up down\n@data\n" + series);
  write_text(place.folder / "story.txt", story + story);
  std::string reviews = "text;label\n";
  for (int i = 0; i < 20; ++i) {
    const std::string words = i % 2 ? "what a good film it is" : "what a bad film it was";
    reviews += words + " " + std::to_string(i) + ";" + (i % 2 ? "pos" : "neg") + "\n";
    fs::create_directories(place.folder / (i % 2 ? "texts/pos" : "texts/neg"));
    write_text(place.folder /
                   (std::string(i % 2 ? "texts/pos/" : "texts/neg/") + std::to_string(i) + ".txt"),
               words);
  }
  write_text(place.folder / "reviews.csv", reviews);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"table.csv", "--target", "kind"}, "'kind', one of 2 classes"},
      {{"table.csv", "--target", "price"}, "'price', a number"},
      {{"months.csv"}, "the next row of 'y'"},
      {{"months.csv", "--kind", "sequence", "--target", "y"}, "in the order of 'month'"},
      {{"s_TRAIN.ts"}, "one of 2 classes of series of one dimension and 3 to 5 steps"},
      {{"story.txt"}, "the next one of"},
      {{"texts"}, "one of 2 classes of texts"},
      {{"reviews.csv", "--target", "label"}, "one of 2 classes of texts"}};
  for (const auto& [arguments, summary] : cases) {
    const std::string& file = arguments[0];
    CAPTURE(file);
    std::vector<std::string> all = {"init", "-o", "own.yaml"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const ProgramResult made = place.dltool(all);
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    CHECK_MESSAGE(contains(made.out, summary), made.out);
    place.passes({"check", "own.yaml"});
    place.passes({"train", "own.yaml", "--run", "run", "--set", "train.max_steps=2", "--set",
                  "train.threads=1"});
    fs::remove_all(place.folder / "run");
    fs::remove(place.folder / "own.yaml");
  }
  CHECK(contains(place.error(2, {"init", "table.csv"}), "--target COLUMN says it"));
  CHECK(
      contains(place.error(2, {"init", "table.csv", "--target", "kinds"}), "did you mean 'kind'?"));
  CHECK(contains(place.error(2, {"init", "table.csv", "--kind", "tables"}), "--kind"));
}

TEST_CASE("init says what of a table it leaves out, and writes no config of nothing") {
  const Place place;
  write_text(place.folder / "count.csv", "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n");
  const std::string nothing = place.error(4, {"init", "count.csv", "--target", "y"});
  CHECK_MESSAGE(contains(nothing, "no column is left to predict 'y' from: x counts the rows"),
                nothing);
  CHECK_FALSE(fs::exists(place.folder / "count.yaml"));
  write_text(
      place.folder / "said.csv",
      "id,said,a,y\np,one fine day of May,1.5,u\nq,no good at all,2.5,v\nr,this is quite so,0.5,u\n"
      "s,never in my life,1.0,v\nt,not even a word,2.0,u\n");
  const ProgramResult said = place.dltool({"init", "said.csv", "--target", "y", "--kind", "table"});
  CHECK_MESSAGE(said.exit_code == 0, said.err);
  const std::string printed = said.out + said.err;
  CHECK_MESSAGE(contains(printed, "left out: said"), printed);
}

}  // namespace dl::test
