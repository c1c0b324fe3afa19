#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "datasets/tables/csv_file.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"
#include "tests/support/table_files.h"

// Runs on tables, sequences and series, and what `predict` writes of them.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kModel = R"(
model:
  layers:
    - linear: {out_features: 8}
    - tanh
    - linear: {out_features: $outputs}
optimizer: {adam: {lr: 0.02}}
train: {epochs: 4, threads: 2}
)";

/// A folder with tables, configs on them, and their runs.
struct Place {
  Place() {
    std::string train = "id,x,colour,y,kind\n", test = train;
    for (int i = 0; i < 60; ++i) {
      const double x = i % 10, y = 1000 + 50 * x + (i % 3 == 0 ? 25 : 0);
      const std::string row = std::to_string(i) + "," + std::to_string(x) + "," +
                              (i % 3 == 0 ? "red" : "\"dark, blue\"") + "," + std::to_string(y) +
                              "," + (x < 5 ? "\"low, \"\"l\"\"\"" : "high") + "\n";
      (i < 45 ? train : test) += row;
    }
    write_text(folder / "train.csv", train);
    write_text(folder / "test.csv", test);
    config("kinds",
           "vars: {outputs: 2}\ndata: {source: {csv: {train: '@data/train.csv', test: "
           "'@data/test.csv', target: kind, ignore: [id, y]}}, batch: 8, split: {valid: 5}}\n"
           "loss: cross_entropy\n");
    config("numbers",
           "vars: {outputs: 1}\ndata: {source: {csv: {train: '@data/train.csv', test: "
           "'@data/test.csv', target: y, ignore: [id, kind]}}, batch: 8}\nloss: mse\n");
    std::string wave = "t,level\n";
    for (int t = 0; t < 120; ++t)
      wave += std::to_string(t) + "," + std::to_string(300 + 100 * std::sin(t * 0.5)) + "\n";
    write_text(folder / "wave.csv", wave);
    std::ofstream(folder / "wave.yaml")
        << "vars: {outputs: 2}\ndata: {source: {csv_sequence: {path: '@data/wave.csv', columns: "
           "[level], window: 6, horizon: 2, baseline_lag: 12}}, batch: 8}\nloss: l1\n"
           "model:\n  layers:\n    - flatten\n    - linear: {out_features: $outputs}\n"
           "optimizer: {adam: {lr: 0.02}}\ntrain: {epochs: 3, threads: 2}\n";
  }
  void config(const std::string& name, const std::string& text) const {
    std::ofstream(folder / (name + ".yaml")) << text << kModel;
  }
  ProgramResult dltool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", folder.path()});
    return run_program(dl::test::dltool_binary(), arguments);
  }
  std::string train(const std::string& name, const std::vector<std::string>& more = {}) const {
    const std::string run = folder / ("run-" + name);
    std::vector<std::string> arguments = {"train", folder / (name + ".yaml"), "--run", run};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return run;
  }
  json eval(const std::string& run) const {
    const ProgramResult result = dltool({"eval", run, "--json"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return json::parse(result.out);
  }
  std::string predict(const std::string& run, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"predict", run});
    const ProgramResult result = dltool(more);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return result.out;
  }
  TempFolder folder;
};

using Table = std::vector<std::vector<std::string>>;

/// The rows of a CSV text, the header first.
Table table_of(const std::string& text) {
  const TempFolder folder;
  write_text(folder / "t.csv", text);
  CsvFile file(folder / "t.csv");
  Table rows = {file.columns()};
  while (file.next()) {
    rows.emplace_back();
    for (const CsvField& field : file.row()) rows.back().emplace_back(field.text);
  }
  return rows;
}

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

void check_fails(const ProgramResult& result, int code, const std::string& message) {
  CHECK_MESSAGE(result.exit_code == code, result.err);
  CHECK_MESSAGE(result.err.find(message) != std::string::npos, result.err);
}

}  // namespace

TEST_CASE("predict names classes and their probabilities, and agrees with eval") {
  const Place place;
  const std::string run = place.train("kinds", {"--require", "test/f1>=0"});
  const json eval = place.eval(run);
  const Table rows = table_of(place.predict(run));
  CHECK(rows[0] ==
        std::vector<std::string>{"sample", "name", "predicted", "probability", "target"});
  REQUIRE(rows.size() == 16);
  int hits = 0;
  double loss = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    CHECK(rows[i][0] == std::to_string(i - 1));
    CHECK(rows[i][1] == place.folder / ("test.csv:" + std::to_string(i + 1)));
    const bool hit = rows[i][2] == rows[i][4];
    hits += hit;
    const double probability = std::stod(rows[i][3]);
    CHECK(probability >= 0.5);
    loss -= std::log(hit ? probability : 1 - probability);
  }
  CHECK(hits / 15.0 == eval["top1"].get<double>());
  CHECK(loss / 15 == doctest::Approx(eval["loss"].get<double>()).epsilon(1e-4));
  CHECK(eval["f1"].get<double>() ==
        (eval["classes"][0]["f1"].get<double>() + eval["classes"][1]["f1"].get<double>()) / 2);
  CHECK(eval["classes"][1]["name"] == "low, \"l\"");

  const std::vector<json> lines = lines_of(place.predict(run, {"--json", "--top", "9"}));
  REQUIRE(lines.size() == 15);
  CHECK(lines[0]["predicted"] == rows[1][2]);
  CHECK(lines[0]["target"] == rows[1][4]);
  REQUIRE(lines[0]["top"].size() == 2);
  CHECK(lines[0]["top"][0]["probability"].get<double>() +
            lines[0]["top"][1]["probability"].get<double>() ==
        doctest::Approx(1));
  CHECK(table_of(place.predict(run, {"--top", "2", "--split", "valid"}))[0] ==
        std::vector<std::string>{"sample", "name", "predicted", "probability", "predicted_2",
                                 "probability_2", "target"});
  CHECK(table_of(place.predict(run, {"--split", "valid"})).size() == 6);
}

TEST_CASE("predict reads a new file, which need not have the target, and writes files whole") {
  const Place place;
  const std::string run = place.train("kinds");
  fs::remove(place.folder / "train.csv");  // the run knows all that it needs
  write_text(place.folder / "new.csv", "colour,x\nred,1\ngreen,9\n");
  const std::string out = place.folder / "out.csv";
  const ProgramResult result =
      place.dltool({"predict", run, "--input", place.folder / "new.csv", "-o", out});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.out.empty());
  CHECK(result.err.find("column 'colour' has 1 value that train has not") != std::string::npos);
  const Table rows = table_of(read_file(out));
  CHECK(rows[0] == std::vector<std::string>{"sample", "name", "predicted", "probability"});
  REQUIRE(rows.size() == 3);
  CHECK(rows[2][1] == place.folder / "new.csv:3");
  CHECK(fs::exists(out));
  for (const auto& entry : fs::directory_iterator(place.folder.path()))
    CHECK(entry.path().string().find(".tmp-") == std::string::npos);

  write_text(place.folder / "new.csv", "colour,x,kind\nred,1,high\nred,1,\n");
  const std::vector<json> lines =
      lines_of(place.predict(run, {"--json", "--input", place.folder / "new.csv"}));
  CHECK(lines[0]["target"] == "high");
  CHECK(lines[1]["target"].is_null());
  write_text(place.folder / "new.csv", "colour,x\nred,one\n");
  check_fails(place.dltool({"predict", run, "--input", place.folder / "new.csv", "-o", out}), 4,
              "new.csv:2:5: column 'x': expected a number, found 'one'");
  CHECK(table_of(read_file(out)).size() == 3);  // as it was
}

TEST_CASE("predicted numbers and their errors are in the units of the file") {
  const Place place;
  const std::string run = place.train("numbers", {"--require", "test/mae<=1000"});
  const json eval = place.eval(run);
  const Table rows = table_of(place.predict(run));
  CHECK(rows[0] == std::vector<std::string>{"sample", "name", "predicted", "target"});
  double absolute = 0, squared = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double error = std::stod(rows[i][2]) - std::stod(rows[i][3]);
    CHECK(std::stod(rows[i][3]) >= 999);
    absolute += std::abs(error);
    squared += error * error;
  }
  CHECK(absolute / 15 == doctest::Approx(eval["mae"].get<double>()).epsilon(1e-4));
  CHECK(std::sqrt(squared / 15) == doctest::Approx(eval["rmse"].get<double>()).epsilon(1e-4));
  CHECK(lines_of(read_file(run + "/metrics.jsonl"))[0].contains("mae"));
  CHECK(read_file(run + "/metrics.csv").starts_with("epoch,step,split,loss,mae,rmse,r2,lr,"));
  const std::string resolved = read_file(run + "/config.resolved.yaml");
  CHECK_MESSAGE(resolved.find("categories: [[\"dark, blue\", red]]") != std::string::npos,
                resolved);
  CHECK(lines_of(place.predict(run, {"--json"}))[3]["predicted"].is_number());
}

TEST_CASE("a sequence is forecast beyond its end, and a baseline is told beside the network") {
  const Place place;
  const std::string run = place.train("wave", {"--require", "test/baseline_mae>=1"});
  const json eval = place.eval(run);
  CHECK(eval["samples"] == 11);
  CHECK(eval["baseline_mae"].get<double>() < 40);
  CHECK(eval["baseline_rmse"].get<double>() >= eval["baseline_mae"].get<double>());
  const std::string csv = read_file(run + "/metrics.csv");
  CHECK_MESSAGE(csv.starts_with("epoch,step,split,loss,mae,rmse,r2,baseline_mae,baseline_rmse,lr,"),
                csv);
  const Table rows = table_of(place.predict(run, {"--input", place.folder / "wave.csv"}));
  CHECK(rows[0] == std::vector<std::string>{"sample", "name", "predicted_1", "predicted_2",
                                            "target_1", "target_2"});
  REQUIRE(rows.size() == 1 + 115);
  CHECK(rows.back()[1] == place.folder / "wave.csv: after line 121");
  CHECK(rows.back()[4].empty());
  CHECK_FALSE(rows.back()[2].empty());
  CHECK(std::stod(rows[1][4]) == doctest::Approx(300 + 100 * std::sin(3.0)).epsilon(1e-4));
  check_fails(place.dltool({"check", place.folder / "wave.yaml", "--set", "data.split={valid: 5}"}),
              3, "none can be held out by chance");
}

TEST_CASE("a run on a table that is stopped and resumed has the bits of one that was not") {
  const Place place;
  const std::string whole = place.train("numbers");
  const std::string run = place.folder / "parts";
  REQUIRE(place
              .dltool({"train", place.folder / "numbers.yaml", "--run", run, "--set",
                       "train.max_steps=9"})
              .exit_code == 0);
  const ProgramResult rest = place.dltool({"resume", run, "--set", "train.max_steps=~"});
  REQUIRE_MESSAGE(rest.exit_code == 0, rest.err);
  const std::string model = "/checkpoints/last/model.safetensors";
  CHECK(read_file(run + model) == read_file(whole + model));
  const auto metrics = [](const std::string& folder) {
    std::vector<json> lines = lines_of(read_file(folder + "/metrics.jsonl"));
    for (json& line : lines)
      for (const char* time : {"samples_per_second", "seconds", "wait_share"}) line.erase(time);
    return lines;
  };
  CHECK(metrics(run) == metrics(whole));
}

TEST_CASE("what cannot be predicted or written is refused") {
  const Place place;
  const std::string run = place.train("kinds");
  check_fails(place.dltool({"predict", place.folder / "none"}), 10, "no run and no config at");
  check_fails(place.dltool({"predict", run, "--split", "all"}), 2, "expected train, valid or test");
  check_fails(place.dltool({"predict", run, "--split", "test", "--input", "x.csv"}), 2, "--input");
  check_fails(place.dltool({"predict", run, "--csv", "--json"}), 2, "--json");
  check_fails(place.dltool({"predict", run, "--input", place.folder / "none.csv"}), 4,
              "none.csv: No such file");
  check_fails(place.dltool({"predict", run, "-o", place.folder / "no/out.csv"}), 6, "no/out.csv");
  check_fails(place.dltool({"predict", place.train("numbers"), "--top", "3"}), 2,
              "--top is for classes");
  fs::remove(place.folder / "train.csv");
  check_fails(place.dltool({"check", place.folder / "kinds.yaml"}), 4, "train.csv: No such file");
  const ProgramResult made_up = place.dltool({"check", place.folder / "kinds.yaml", "--set",
                                              "data.source.csv={task: classification, numeric: "
                                              "[x], categorical: [], classes: [a, b], ignore: ~}"});
  CHECK_MESSAGE(made_up.exit_code == 0, made_up.err);
}

}  // namespace dl::test
