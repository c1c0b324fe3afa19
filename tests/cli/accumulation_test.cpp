#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "engine/formats/safetensors.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Batches that make up a step train as one batch of all their samples.
namespace dl::test {
namespace {

using Weights = std::map<std::string, std::vector<float>>;

struct Place {
  TempFolder folder;

  Weights train(const std::string& name, const std::vector<std::string>& sets) const {
    static int runs = 0;
    const std::string run = folder / ("run-" + std::to_string(++runs));
    std::vector<std::string> arguments = {
        "train", folder / (name + ".yaml"), "--run", run, "--data", folder.path()};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    const ProgramResult result = run_program(dltool_binary(), arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    const SafetensorsFile file = SafetensorsFile::read(run + "/checkpoints/last/model.safetensors");
    Weights weights;
    for (const TensorView& tensor : file.tensors())
      weights[tensor.name] = {tensor.floats().begin(), tensor.floats().end()};
    return weights;
  }
};

void check_equal(const Weights& found, const Weights& expected) {
  REQUIRE(found.size() == expected.size());
  for (const auto& weight : expected) {
    const auto& name = weight.first;
    const auto& values = weight.second;
    CAPTURE(name);
    for (std::size_t i = 0; i < values.size(); ++i)
      CHECK(std::abs(found.at(name)[i] - values[i]) < 2e-6);
  }
}

/// A step of 8 as one batch, as two, and as eight; the last step is of two samples.
void check_cuts(const Place& place, const std::string& name) {
  CAPTURE(name);
  const Weights whole = place.train(name, {"data.batch=8"});
  for (const char* batch : {"4", "1"}) {
    CAPTURE(batch);
    check_equal(place.train(name, {std::string("data.batch=") + batch, "train.effective_batch=8"}),
                whole);
  }
}

constexpr const char* kRest = "optimizer: {sgd: {lr: 0.5}}\ntrain: {epochs: 2, threads: 1}\n";

}  // namespace

TEST_CASE("with class weights two batches of two give PyTorch's step of one batch of four") {
  const Place place;
  write_text(place.folder / "t.csv", "a,b,label\n1,0,p\n0,1,p\n1,1,p\n2,-1,q\n");
  write_text(place.folder / "c.yaml",
             "data: {source: {csv: {train: '@data/t.csv', target: label, scale: none}}, batch: 2, "
             "shuffle: false}\n"
             "model: {layers: [linear: {name: fc, out_features: 2, weight_init: {constant: {value: "
             "0}}, bias_init: {constant: {value: 0}}}]}\n"
             "loss: {cross_entropy: {class_weights: [1, 9]}}\noptimizer: {sgd: {lr: 1}}\n"
             "train: {epochs: 1, effective_batch: 4, threads: 1}\n");
  check_equal(place.train("c", {}), {{"fc.weight", {-2.0F / 3, 0.458333F, 2.0F / 3, -0.458333F}},
                                     {"fc.bias", {-0.25F, 0.25F}}});
}

TEST_CASE("a step's gradient is that of one batch with weights, ignored labels and two losses") {
  const Place place;
  std::string table = "a,b,c,label\n";
  for (int i = 0; i < 10; ++i) {
    table += std::to_string(i % 3) + "," + std::to_string(i * 7 % 5) + "," +
             std::to_string(i * i % 4) + "," + std::string(1, "pqrs"[i * i % 7 % 4]) + "\n";
  }
  write_text(place.folder / "t.csv", table);
  const std::string data =
      "data: {source: {csv: {train: '@data/t.csv', target: label, classes: [p, q, r, s]}}, "
      "shuffle: false, drop_last: false}\n"
      "model: {layers: [linear: {name: hidden, out_features: 6}, tanh, linear: {name: fc, "
      "out_features: 4}, linear: {name: aux, from: hidden, out_features: 4}], output: fc}\n";
  const std::vector<std::pair<std::string, std::string>> losses = {
      {"weights",
       "[cross_entropy: {from: fc, class_weights: [1, 9, 2, 5]}, cross_entropy: {from: "
       "aux, weight: 0.3, class_weights: [1, 9, 2, 5]}]"},
      {"ignored",
       "[cross_entropy: {from: fc, ignore_index: 1}, cross_entropy: {from: aux, "
       "ignore_index: 1}]"},
      {"unlike",
       "[cross_entropy: {from: fc, ignore_index: 0}, cross_entropy: {from: aux, weight: "
       "0.5, class_weights: [1, 9, 2, 5]}]"}};
  for (const auto& [name, loss] : losses) {
    write_text(place.folder / (name + ".yaml"), data + "loss: " + loss + "\n" + kRest);
    check_cuts(place, name);
  }
}

TEST_CASE("a step's gradient is that of one batch where texts differ in length") {
  const Place place;
  std::string table = "label,text\n";
  const char* texts[] = {"a b c d", "b",   "c c a", "d a", "a",
                         "b c d a", "d d", "a c b", "c",   "b a d"};
  for (int i = 0; i < 10; ++i) table += std::string(i % 3 ? "x" : "y") + "," + texts[i] + "\n";
  write_text(place.folder / "t.csv", table);
  const std::string model =
      "data: {source: {labelled_text: {train: '@data/t.csv', unit: word, length: 4}}, shuffle: "
      "false, drop_last: false}\n"
      "model:\n  layers:\n"
      "    - embedding: {name: e, from: data.tokens, num_embeddings: $data.vocabulary, "
      "embedding_dim: 5}\n"
      "    - gru: {name: rnn, from: [e, data.length], hidden_size: 6}\n"
      "    - linear: {name: tokens, out_features: $data.vocabulary}\n";
  const std::string label =
      "    - gru: {name: last, from: [e, data.length], hidden_size: 4, output: last}\n"
      "    - linear: {name: fc, from: last, out_features: 2}\n";
  const std::string masked =
      "cross_entropy: {name: each, from: tokens, target: data.tokens, mask: data.length}";
  write_text(place.folder / "one.yaml", model + "loss: {" + masked + "}\n" + kRest);
  write_text(place.folder / "two.yaml",
             model + label + "loss: [cross_entropy: {name: label, from: fc, target: data.label}, " +
                 masked + "]\n" + kRest);
  check_cuts(place, "one");
  check_cuts(place, "two");
}

}  // namespace dl::test
