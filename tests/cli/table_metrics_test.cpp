#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Metrics that users of tables expect, in every place that names metrics; the values themselves are
// checked against scikit-learn in tests/train/scores_test.cpp.
namespace dl::test {
namespace {

using nlohmann::json;

/// Tables whose columns `yes` (0, 1), `kind` (p, q, r), `y` and `z` depend on a and b.
struct Place {
  TempFolder folder;

  Place() {
    std::string all = "a,b,yes,no,kind,y,z\n", ones = all;
    for (int i = 0; i < 60; ++i) {
      const int a = i * 7 % 11, b = i * 5 % 13, noise = i * i % 5 - 2;
      const bool yes = a + noise > 5;
      const std::string row =
          std::to_string(a) + "," + std::to_string(b) + "," + (yes ? "1" : "0") + "," +
          (b > 6 ? "1" : "0") + "," + std::string(1, "pqr"[(a + b + noise + 2) / 9 % 3]) + "," +
          std::to_string(100 + 10 * a + noise) + "," + std::to_string(b - noise) + "\n";
      all += row;
      if (yes) ones += row;
    }
    write_text(folder / "all.csv", all);
    write_text(folder / "ones.csv", ones);
  }
  /// `target` is a column or a list of them; the other ones that could be are left out.
  void config(const std::string& name, const std::string& target, const std::string& loss,
              int outputs, const std::string& more = "") const {
    std::string others;
    for (const std::string column : {"yes", "no", "kind", "y", "z"}) {
      if ((", " + target + ",").find(" " + column + ",") == std::string::npos)
        others += (others.empty() ? "" : ", ") + column;
    }
    write_text(folder / (name + ".yaml"),
               "data: {source: {csv: {train: '@data/all.csv', valid: '@data/all.csv', ignore: [" +
                   others + "], target: [" + target + "]" + more +
                   "}}, batch: 7, drop_last: false}\nmodel: {layers: [linear: {out_features: " +
                   std::to_string(outputs) + "}]}\nloss: " + loss +
                   "\noptimizer: {adam: {lr: 0.05}}\ntrain: {epochs: 3, threads: 1}\n");
  }
  ProgramResult dltool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", folder.path()});
    return run_program(dltool_binary(), arguments);
  }
  std::string train(const std::string& name, const std::vector<std::string>& more = {}) const {
    const std::string run = folder / ("run-" + name);
    std::vector<std::string> arguments = {"train", folder / (name + ".yaml"), "--run", run};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return run;
  }
  json eval(const std::string& run, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"eval", run, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return json::parse(result.out);
  }
  std::vector<json> predict(const std::string& run) const {
    const ProgramResult result = dltool({"predict", run, "--split", "valid", "--json"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::vector<json> lines;
    std::istringstream in(result.out);
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  }
};

std::vector<json> lines_of(const std::string& path) {
  std::vector<json> lines;
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("bce_with_logits has accuracy, F1 and rankings, and predict answers beside its targets") {
  const Place place;
  place.config("one", "yes", "bce_with_logits", 1, ", scale_target: false");
  const std::string run = place.train(
      "one", {"--require", "valid/accuracy>=0.5", "--require", "valid/average_precision>=0.5"});
  const json eval = place.eval(run);
  double right = 0;
  const std::vector<json> predictions = place.predict(run);
  for (const json& line : predictions) {
    right += line["predicted"] == line["target"] ? 1 : 0;
    CHECK(line["predicted"] == (line["probability"].get<double>() > 0.5 ? 1 : 0));
  }
  CHECK(eval["accuracy"] == doctest::Approx(right / 60));
  REQUIRE(eval["labels"].size() == 1);
  CHECK(eval["labels"][0]["f1"] == eval["f1"]);  // plain, of yes
  CHECK(eval["labels"][0]["auc"] == eval["auc"]);
  CHECK_FALSE(eval.contains("confusion"));
  const std::string csv = place.dltool({"predict", run, "--split", "valid"}).out;
  CHECK(csv.starts_with("sample,name,predicted,probability,target\n"));
}

TEST_CASE("of several outputs of bce_with_logits each is a label, and the whole is their mean") {
  const Place place;
  place.config("two", "yes, no", "bce_with_logits", 2, ", scale_target: false");
  const std::string run = place.train("two", {"--set", "train.monitor=valid/auc"});
  const json eval = place.eval(run);
  for (const char* name : {"accuracy", "f1", "auc", "average_precision"}) {
    CAPTURE(name);
    CHECK(eval[name] ==
          doctest::Approx(
              (eval["labels"][0][name].get<double>() + eval["labels"][1][name].get<double>()) / 2));
  }
  CHECK(eval["labels"][1]["name"] == "no");
  CHECK(place.predict(run)[0]["target"].size() == 2);
  CHECK(place.dltool({"predict", run, "--split", "valid"})
            .out.starts_with("sample,name,predicted_1,probability_1,predicted_2,probability_2,"
                             "target_1,target_2\n"));
}

TEST_CASE("R2 and rankings stand in metrics.jsonl, exit.json and compare, and can be required") {
  const Place place;
  place.config("numbers", "y, z", "mse", 2);
  place.config("kinds", "kind", "cross_entropy", 3);
  const std::string numbers = place.train("numbers", {"--require", "valid/r2>=-100"});
  const std::string kinds = place.train(
      "kinds", {"--set", "train.monitor=valid/average_precision", "--require", "valid/auc>=0.1"});
  for (const json& line : lines_of(numbers + "/metrics.jsonl")) CHECK(line.contains("r2"));
  for (const json& line : lines_of(kinds + "/metrics.jsonl")) {
    CHECK(line.contains("auc") == (line["split"] == "valid"));
    CHECK(line.contains("average_precision") == (line["split"] == "valid"));
  }
  const json exit = json::parse(read_file(kinds + "/exit.json"));
  CHECK(exit["valid"]["auc"] == place.eval(kinds)["auc"]);
  const ProgramResult compare = run_program(dltool_binary(), {"compare", numbers, kinds});
  for (const char* row : {"best valid r2", "best valid auc", "final valid average_precision"})
    CHECK_MESSAGE(compare.out.find(row) != std::string::npos, compare.out);
  // The best is the highest.
  double best = 0;
  for (const json& line : lines_of(kinds + "/metrics.jsonl")) {
    if (line["split"] == "valid") best = std::max(best, line["average_precision"].get<double>());
  }
  const json runs =
      json::parse(run_program(dltool_binary(), {"compare", kinds, "--json"}).out)["runs"];
  CHECK(runs[0]["best"]["valid"]["average_precision"]["value"] == best);
  CHECK(place.eval(kinds)["average_precision"] == doctest::Approx(best));
}

TEST_CASE("the size of a batch changes no metric of an evaluation") {
  const Place place;
  place.config("kinds", "kind", "{cross_entropy: {class_weights: [1, 5, 2], ignore_index: 1}}", 3);
  const std::string run = place.train("kinds");
  const std::string weights = run + "/checkpoints/last/model.safetensors";
  json expected;
  for (const char* batch : {"60", "1", "3", "7"}) {
    CAPTURE(batch);
    json found =
        place.eval(place.folder / "kinds.yaml", {"--weights", weights, "--split", "valid", "--set",
                                                 std::string("data.eval_batch=") + batch});
    CHECK(found["classes"][1]["samples"] == 0);  // the one that is ignored
    if (expected.is_null()) expected = found;
    for (const char* name : {"top1", "f1", "confusion", "classes"})
      CHECK(found[name] == expected[name]);
    for (const char* name : {"loss", "average_precision"})
      CHECK(found[name] == doctest::Approx(expected[name].get<double>()).epsilon(1e-6));
  }
}

TEST_CASE("an AUC over one class is null in JSON, and a note says why") {
  const Place place;
  place.config("one", "yes", "bce_with_logits", 1, ", scale_target: false");
  const std::string run = place.folder / "run";
  const ProgramResult result =
      place.dltool({"train", place.folder / "one.yaml", "--run", run, "--set",
                    "data.source.csv.valid=@data/ones.csv", "--set", "train.monitor=valid/loss"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK_MESSAGE(result.err.find("valid: auc is not defined for 'yes'") != std::string::npos,
                result.err);
  for (const json& line : lines_of(run + "/metrics.jsonl")) {
    if (line["split"] != "valid") continue;
    CHECK(line["auc"].is_null());
    CHECK(line["average_precision"] == 1.0);
  }
  CHECK(place.eval(run)["auc"].is_null());
  const ProgramResult unmet = place.dltool({"resume", run, "--require", "valid/auc>=0.5"});
  CHECK(unmet.exit_code == 13);
  CHECK_MESSAGE(unmet.err.find("it is not defined") != std::string::npos, unmet.err);
}

TEST_CASE("a loss called topic is a number, and its lowest value is best") {
  const Place place;
  place.config("kinds", "kind", "[cross_entropy: {name: topic}, cross_entropy: {weight: 0.1}]", 3);
  const std::string run = place.train("kinds", {"--set", "train.monitor=valid/topic"});
  double lowest = 1e9;
  int epoch = 0;
  for (const json& line : lines_of(run + "/metrics.jsonl")) {
    if (line["split"] != "valid" || line["topic"].get<double>() >= lowest) continue;
    lowest = line["topic"];
    epoch = line["epoch"];
  }
  CHECK(json::parse(read_file(run + "/exit.json"))["weights"] ==
        "best, epoch " + std::to_string(epoch));
  const std::string log = read_file(run + "/log.txt");
  const std::size_t value = log.find("topic ");
  REQUIRE(value != std::string::npos);
  CHECK(log.substr(value, log.find("  ", value) - value).find('%') == std::string::npos);
  const json best = json::parse(run_program(dltool_binary(), {"compare", run, "--json"}).out);
  CHECK(best["runs"][0]["best"]["valid"]["topic"]["value"] == lowest);
}

}  // namespace dl::test
