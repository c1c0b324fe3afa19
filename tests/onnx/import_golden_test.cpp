#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/formula.h"
#include "tests/support/golden.h"
#include "tests/support/onnx_network.h"
#include "tests/support/paths.h"

// Networks as PyTorch's exporters write them (tests/goldens/onnx_models.py) against PyTorch's own
// results.

namespace dl {
namespace {

/// googlenet ends with a softmax, which import leaves to the loss: logarithms of it, as the golden
/// has them, are scores whose exponentials add up to 1.
void to_log_probabilities(std::vector<float>& scores, std::size_t classes) {
  for (std::size_t row = 0; row < scores.size(); row += classes) {
    double sum = 0;
    for (std::size_t i = 0; i < classes; ++i) sum += std::exp(scores[row + i]);
    for (std::size_t i = 0; i < classes; ++i) scores[row + i] -= static_cast<float>(std::log(sum));
  }
}

std::vector<float> run(test::FilledNetwork& network, const nlohmann::json& golden) {
  const Graph& graph = network.setup.graph;
  const std::vector<std::int64_t> shape = golden["input"];
  const std::vector<float> batch = test::formula_tensor(1, Shape(shape).elements());
  std::vector<std::int32_t> tokens, labels(batch.size(), 0);
  for (const float value : batch) tokens.push_back(static_cast<std::int32_t>((value + 1) / 2 * 10));
  std::vector<const void*> tensors;
  for (const Node& node : graph.nodes) {
    if (!node.input) continue;
    const bool is_input = tensors.empty();
    if (node.input->integer)
      tensors.push_back(is_input ? tokens.data() : labels.data());
    else
      tensors.push_back(batch.data());
  }
  test::LoneProgram program(graph, network.store, Purpose::predict, shape[0]);
  program->run(tensors, {});
  return {program->output().begin(), program->output().end()};
}

void check_golden(const std::string& name, const std::string& exporter,
                  const std::vector<std::string>& sets = {}) {
  const std::string file = name + "_" + exporter;
  CAPTURE(file);
  const nlohmann::json golden = test::read_golden("onnx_models")[name];
  test::FilledNetwork network = test::imported(
      read_onnx(dl::test::source_path("tests/goldens/onnx/") + file + ".onnx"), sets);
  std::vector<float> found = run(network, golden);
  if (name == "googlenet") to_log_probabilities(found, 5);
  test::check_samples(file, found, golden["output"], 1e-5);
}

}  // namespace

TEST_CASE("networks on pictures that PyTorch exported compute what they do there") {
  for (const char* name : {"resnet", "mobilenet", "googlenet", "densenet", "functions"}) {
    check_golden(name, "ts");
    check_golden(name, "dyn");
  }
}

TEST_CASE("recurrent networks that PyTorch exported compute what they do there") {
  for (const char* name : {"lstm", "bilstm"}) {
    check_golden(name, "ts");
    check_golden(name, "dyn");
  }
  check_golden("rnn", "ts");
}

TEST_CASE("a network on tokens that PyTorch exported computes what it does there") {
  const std::vector<std::string> data = {
      "data={source: {labelled_text: {path: x, length: 7, classes: [a, b]}}, vocabulary: 11, "
      "batch: 2, classes: ~}",
      "model.layers.0.embedding.from=data.tokens", "loss={cross_entropy: {target: data.tokens}}"};
  check_golden("tokens", "ts", data);
  check_golden("tokens", "dyn", data);
}

TEST_CASE("imported layers have their modules' names, whether batch norms were folded or not") {
  const auto names = [](const std::string& file) {
    const OnnxModel model = read_onnx(dl::test::source_path("tests/goldens/onnx/") + file);
    std::vector<std::string> all;
    for (const ImportedTensor& tensor :
         import_network(model, {.path = file, .name = "n", .input_shape = {}}).weights)
      all.push_back(tensor.name);
    return all;
  };
  const auto has = [](const std::vector<std::string>& all, const std::string& name) {
    return std::ranges::count(all, name) == 1;
  };
  const auto resnet = names("resnet_ts.onnx");  // onnx::Conv_... in the file
  CHECK(has(resnet, "layer2.0.downsample.0.weight"));
  CHECK(has(resnet, "layer1.1.conv2.bias"));
  CHECK(has(resnet, "fc.weight"));
  const auto dense = names("densenet_dyn.onnx");
  CHECK(has(dense, "norm0.running_var"));
  CHECK(has(dense, "transition.2.weight"));
  CHECK(has(names("tokens_ts.onnx"), "rnn.weight_hh_l0_reverse"));
}

}  // namespace dl
