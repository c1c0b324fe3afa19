#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/onnx/model.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Models that begin with raw rows and end with predictions: bench/onnx_preprocessing.py runs them
// in onnxruntime; here they come back into dltool, which must predict the same from the raw rows.
namespace dl::test {
namespace {

using nlohmann::json;

struct Place {
  Place() {
    std::string kinds = "a,b,kind\n", values = "a,b,price\n", mixed = "a,color,kind\n";
    for (int i = 0; i < 40; ++i) {
      const std::string row = std::to_string(i % 7) + "," + std::to_string(1000 + 25 * (i % 5));
      const char* quoted[] = {"low", "mid", "\"hi \"\"h\"\"\""};
      kinds += row + "," + quoted[i % 3] + "\n";
      values += row + "," + std::to_string(20'000 + 300 * (i % 7)) + "\n";
      mixed +=
          std::to_string(i % 7) + "," + (i % 2 == 0 ? "red" : "blue") + "," + quoted[i % 3] + "\n";
    }
    write_text(folder / "kinds.csv", kinds);
    write_text(folder / "values.csv", values);
    write_text(folder / "mixed.csv", mixed);
    train("kinds", "kind", 3, "cross_entropy");
    train("values", "price", 1, "mse");
    train("mixed", "kind", 3, "cross_entropy");
  }
  void train(const std::string& name, const std::string& target, int outputs,
             const std::string& loss) const {
    write_text(folder / (name + ".yaml"),
               "data: {source: {csv: {path: " + name + ".csv, target: " + target +
                   "}}, batch: 8}\nmodel:\n  layers:\n"
                   "    - linear: {name: f, out_features: 6}\n    - tanh\n"
                   "    - linear: {name: fc, out_features: " +
                   std::to_string(outputs) + "}\nloss: " + loss +
                   "\noptimizer: {adam: {lr: 0.02}}\ntrain: {epochs: 2, threads: 2}\n");
    const ProgramResult result = dltool({"train", name + ".yaml", "--run", name});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  ProgramResult dltool(const std::vector<std::string>& arguments) const {
    return run_program(dltool_binary(), arguments, folder.path());
  }
  OnnxModel exported(const std::string& name, bool preprocessing) const {
    std::vector<std::string> arguments = {"export", name, "--to", "onnx", "-o", name + ".onnx"};
    if (preprocessing) arguments.emplace_back("--with-preprocessing");
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return read_onnx(folder / (name + ".onnx"));
  }
  /// What predict prints for the training rows: probabilities by class, or numbers.
  std::vector<double> predictions(std::vector<std::string> arguments, int top) const {
    arguments.insert(arguments.begin(), "predict");
    arguments.insert(arguments.end(), {"--split", "train", "--json"});
    if (top > 0) arguments.insert(arguments.end(), {"--top", std::to_string(top)});
    const ProgramResult result = dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::vector<double> all;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      const json row = json::parse(line);
      if (top == 0) {
        all.push_back(row["predicted"]);
        continue;
      }
      std::map<std::string, double> by_class;
      for (const json& entry : row["top"]) by_class[entry["class"]] = entry["probability"];
      for (const auto& [name, probability] : by_class) all.push_back(probability);
    }
    return all;
  }
  TempFolder folder;
};

std::string metadata(const OnnxModel& model, const std::string& key) {
  for (const auto& [name, value] : model.metadata)
    if (name == key) return value;
  return "";
}

}  // namespace

TEST_CASE("an exported model says its classes and its preprocessing") {
  const Place place;
  for (const bool in_graph : {false, true}) {
    CAPTURE(in_graph);
    const OnnxModel model = place.exported("kinds", in_graph);
    CHECK(metadata(model, "names") == R"({0: "hi \"h\"", 1: "low", 2: "mid"})");
    const json facts = json::parse(metadata(model, "preprocessing"));
    CHECK(facts["in_graph"] == in_graph);
    const json& columns = facts["features"]["columns"];
    REQUIRE(columns.size() == 2);
    CHECK(columns[1]["name"] == "b");
    CHECK(columns[1]["offset"].get<double>() == doctest::Approx(1050));
    CHECK(facts["output"]["function"] == "softmax");
    CHECK(model.inputs[0].dims == std::vector<std::int64_t>{-1, 2});
    const auto softmax = std::ranges::count(model.nodes, "Softmax", &OnnxNode::op);
    CHECK(softmax == (in_graph ? 1 : 0));
  }
  const json facts = json::parse(metadata(place.exported("values", true), "preprocessing"));
  CHECK(facts["output"]["columns"] == json({"price"}));
  CHECK(facts["output"]["scale"].size() == 1);
}

TEST_CASE("a table with words has an input for each column") {
  const Place place;
  const OnnxModel model = place.exported("mixed", true);
  REQUIRE(model.inputs.size() == 2);
  CHECK(model.inputs[0].name == "a");
  CHECK(model.inputs[0].type == OnnxType::f32);
  CHECK(model.inputs[1].name == "color");
  CHECK(model.inputs[1].type == OnnxType::text);
  CHECK(std::ranges::count(model.nodes, kTablesDomain, &OnnxNode::domain) == 1);
}

TEST_CASE("a model with its preprocessing comes back, and predicts the same from raw rows") {
  const Place place;
  for (const auto& table : {std::tuple("kinds", "kind", 3), std::tuple("values", "price", 0)}) {
    const char* name = std::get<0>(table);
    const char* target = std::get<1>(table);
    const int top = std::get<2>(table);
    CAPTURE(name);
    place.exported(name, true);
    const std::string back = std::string("back_") + name;
    const ProgramResult imported =
        place.dltool({"import", std::string(name) + ".onnx", "-o", back});
    REQUIRE_MESSAGE(imported.exit_code == 0, imported.err);
    const Bytes bytes = read_bytes(place.folder / (back + "/config.yaml"));
    const std::string config(bytes.begin(), bytes.end());
    CHECK(config.find(top > 0 ? R"(classes: ["hi \"h\"", low, mid])" : "loss: mse") !=
          std::string::npos);
    const std::vector<double> before = place.predictions({name}, top);
    const std::vector<double> after = place.predictions(
        {back + "/config.yaml", "--weights", back + "/model.safetensors", "--set",
         "data.source={csv: {path: " + (place.folder / (std::string(name) + ".csv")) +
             ", target: " + target + ", scale: none}}"},
        top);
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK(after[i] == doctest::Approx(before[i]).epsilon(1e-4));
  }
}

TEST_CASE("a preprocessing is part of a model, not of weights") {
  const Place place;
  const ProgramResult result = place.dltool(
      {"export", "kinds", "--to", "safetensors", "-o", "w.safetensors", "--with-preprocessing"});
  CHECK(result.exit_code == 2);
  CHECK(result.err.find("--with-preprocessing belongs to --to onnx") != std::string::npos);
}

}  // namespace dl::test
