#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"
#include "tests/support/onnx_network.h"

// Networks in the forms that exporters write (tests/goldens/onnx_forms.py) against onnxruntime's
// results.

namespace dl {
namespace {

/// Forms that no layer computes, and what import says of them. The first leaves one row after the
/// last out of its averages: avg_pool leaves out as much on both sides, and with a stride of 2 no
/// slice takes that off again.
const std::map<std::string, std::string> kRefused = {
    {"AveragePool=0 of images, unequal on both axes",
     "AveragePool '' is not covered: dltool's poolings have no such padding"}};

/// Its output keeps the model's order, channels last; the golden has them first.
const std::string kTurned =
    "Keras: a kernel that is turned, and a padding while the channels are last";

std::vector<float> channels_first(const std::vector<float>& values, std::size_t places,
                                  std::size_t channels) {
  std::vector<float> turned(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = i % channels, place = i / channels % places;
    turned[(i / channels / places * channels + channel) * places + place] = values[i];
  }
  return turned;
}

std::string from_base64(const std::string& text) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(letters.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

/// What the network computes for the formula's tensor 1, as numbers or as tokens.
std::vector<float> run(test::FilledNetwork& network, const nlohmann::json& golden) {
  const std::vector<std::int64_t> shape = golden["input"];
  const std::vector<float> batch = test::formula_tensor(1, Shape(shape).elements());
  const int tokens = golden["tokens"];
  std::vector<std::int32_t> numbers, labels(batch.size(), 0);
  for (const float value : batch)
    numbers.push_back(static_cast<std::int32_t>((value + 1) / 2 * static_cast<float>(tokens)));
  std::vector<const void*> tensors;
  for (const Node& node : network.setup.graph.nodes) {
    if (!node.input) continue;
    if (!tensors.empty())
      tensors.push_back(labels.data());
    else if (tokens > 0)
      tensors.push_back(numbers.data());
    else
      tensors.push_back(batch.data());
  }
  test::LoneProgram program(network.setup.graph, network.store, Purpose::predict, shape[0]);
  program->run(tensors, {});
  return {program->output().begin(), program->output().end()};
}

/// What import leaves to the loss.
void finish(const std::string& end, std::vector<float>& values, std::size_t samples) {
  const std::size_t classes = values.size() / samples;
  for (std::size_t row = 0; row < values.size(); row += classes) {
    double sum = 0;
    for (std::size_t i = row; i < row + classes; ++i) sum += std::exp(values[i]);
    for (std::size_t i = row; i < row + classes; ++i) {
      if (end == "softmax") values[i] = static_cast<float>(std::exp(values[i]) / sum);
      if (end == "sigmoid") values[i] = 1 / (1 + std::exp(-values[i]));
    }
  }
}

/// The loss that the config gets.
std::string loss_of(const ImportedNetwork& network) {
  const std::size_t at = network.config.find("\nloss: ") + 7;
  return network.config.substr(at, network.config.find('\n', at) - at);
}

}  // namespace

TEST_CASE("forms of other exporters compute what onnxruntime computes") {
  const nlohmann::json goldens = test::read_golden("onnx_forms");
  for (const auto& form : goldens.items()) {
    const std::string& name = form.key();
    const nlohmann::json& golden = form.value();
    CAPTURE(name);
    const OnnxModel model = test::read_back(from_base64(golden["model"]));
    if (const auto refused = kRefused.find(name); refused != kRefused.end()) {
      CHECK_THROWS_WITH_AS(
          import_network(model, {.path = "m.onnx", .name = "m", .input_shape = {}}),
          doctest::Contains(refused->second.c_str()), UserError);
      continue;
    }
    // A loss that takes a target of the output's own shape, whatever that is.
    std::vector<std::string> sets = {"data={batch: 2}", "loss=mse"};
    const std::vector<std::int64_t> shape = golden["input"];
    if (const int tokens = golden["tokens"]; tokens > 0) {
      sets = {"data={source: {labelled_text: {path: x, length: " + std::to_string(shape[1]) +
                  ", classes: [a, b]}}, vocabulary: " + std::to_string(tokens) +
                  ", batch: 2, classes: ~}",
              "model.layers.0.embedding.from=data.tokens",
              "loss={cross_entropy: {target: data.tokens}}"};
    }
    try {
      test::FilledNetwork network = test::imported(model, sets);
      std::vector<float> found = run(network, golden);
      if (name == kTurned) found = channels_first(found, 3 * 3, 4);
      finish(golden["end"], found, static_cast<std::size_t>(shape[0]));
      test::check_samples(name, found, golden["output"], 1e-5);
    } catch (const UserError& error) {
      FAIL_CHECK(std::string(error.what()));  // and on with the other forms
    }
  }
}

TEST_CASE("what stands at the end of a network chooses its loss") {
  const nlohmann::json goldens = test::read_golden("onnx_forms");
  const auto imported = [&](const std::string& name) {
    return import_network(test::read_back(from_base64(goldens[name]["model"])),
                          {.path = "m.onnx", .name = "m", .input_shape = {}});
  };
  const auto holds = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const ImportedNetwork one = imported("one sigmoid at the end");
  CHECK(loss_of(one) == "bce_with_logits");
  CHECK_FALSE(holds(one.config, "classes"));
  CHECK(one.notes.size() == 1);
  CHECK(holds(one.notes.at(0), "the Sigmoid at the end is left out"));
  CHECK(loss_of(imported("several sigmoids at the end, and then another shape")) ==
        "bce_with_logits");
  const ImportedNetwork images = imported("SqueezeNet's end: a softmax over (N, C, 1, 1)");
  CHECK(loss_of(images) == "cross_entropy");
  CHECK(holds(images.config, "classes: 10"));
  CHECK(holds(images.notes.at(0), "the Softmax at the end is left out"));
  CHECK_FALSE(holds(images.config, "softmax:"));
  CHECK(loss_of(imported("a matrix with an axis of one place before it")) == "cross_entropy");
}

}  // namespace dl
