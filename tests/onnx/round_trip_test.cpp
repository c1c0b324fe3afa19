#include <doctest/doctest.h>

#include <set>

#include "tests/support/onnx_network.h"
#include "tests/support/paths.h"

// Networks that are exported and imported again must compute what they did.

namespace dl {
namespace {

using test::FilledNetwork;

/// Export, the file's bytes, import: the same numbers come out.
void check_round_trip(Setup setup, const std::vector<std::string>& sets = {}) {
  FilledNetwork network(std::move(setup));
  std::vector<std::string> notes;
  const OnnxModel model = export_network(network.setup.graph, network.store, "net", notes);
  FilledNetwork back = test::imported(test::read_back(onnx_bytes(model)), sets);
  const std::vector<float> before = test::predictions(network, 3, 7),
                           after = test::predictions(back, 3, 7);
  CHECK(test::norm_relative(after, before) < 1e-6);
}

void check_config(const std::string& path, const std::vector<std::string>& sets = {}) {
  CAPTURE(path);
  check_round_trip(load_setup(
      {.config = dl::test::source_path("configs/") + path, .sets = sets, .data_dir = "no-data"}));
}

std::string config_of(const std::string& input, const std::string& layers) {
  return "version: 1\ndata: {batch: 2, classes: 6}\nmodel:\n  input: " + input + "\n  layers:\n" +
         layers + "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n";
}

/// A layer among others: what stands before it has both signs, what is behind it sees all of it.
void check_picture_layer(const std::string& layer) {
  CAPTURE(layer);
  check_round_trip(test::setup_of(config_of("[3, 9, 8]",
                                            "    - conv: {out_channels: 4, kernel_size: 3}\n"
                                            "    - " +
                                                layer +
                                                "\n    - flatten\n"
                                                "    - linear: {out_features: 6}\n")));
}

void check_sequence_layers(const std::string& layers) {
  CAPTURE(layers);
  check_round_trip(test::setup_of(config_of("[5, 3]", layers)));
}

}  // namespace

TEST_CASE("LeNet, residual, dense and inception networks come back from ONNX as they were") {
  check_config("mnist/lenet.yaml");
  check_config("mnist/bn_sigmoid.yaml");
  check_config("cifar/resnet20.yaml");
  check_config("cifar/resnet20_option_a.yaml");
  check_config("cifar/resnet20_preact.yaml");
  check_config("cifar/densenet_bc_40_12.yaml");
  check_config("cifar/googlenet_small.yaml");  // its auxiliary heads are left out
}

TEST_CASE("ImageNet's networks come back from ONNX as they were") {
  const auto small = [](int size) -> std::vector<std::string> {
    const std::string side = std::to_string(size);
    return {"data=~", "data={batch: 2, classes: 10}",
            "model.input=[3, " + side + ", " + side + "]"};
  };
  check_config("imagenet/mobilenet_v2.yaml", small(32));
  check_config("imagenet/googlenet_lrn.yaml", small(224));
}

TEST_CASE("recurrent networks come back from ONNX as they were") {
  check_config("mnist/lstm_rows.yaml");
  check_config("mnist/lstm_rows.yaml", {"vars.layers=2"});
  check_config("mnist/gru_rows.yaml");
}

TEST_CASE("a language model comes back from ONNX, once its config says what tokens are") {
  const std::vector<std::string> sets = {"vars.hidden=16", "vars.embedding=8",
                                         "data.source.text.length=6"};
  const std::string path = dl::test::source_path("configs/text/char_lstm.yaml");
  check_round_trip(load_setup({.config = path, .sets = sets, .data_dir = "no-data"}),
                   {"data={source: {text: {path: x.txt, unit: char, length: 6}}, vocabulary: 96, "
                    "batch: 2, classes: ~}"});
}

TEST_CASE("every function of each element comes back from ONNX as it was") {
  for (const char* layer :
       {"relu", "relu6", "sigmoid", "tanh", "swish", "mish", "hardswish", "hardsigmoid", "gelu",
        "gelu: {approximate: tanh}", "elu: {alpha: 0.5}", "leaky_relu: {negative_slope: 0.2}",
        "softplus", "softplus: {beta: 3}", "identity", "activation: {fn: swish}"})
    check_picture_layer(layer);
}

TEST_CASE("layers on pictures come back from ONNX as they were") {
  for (const char* layer :
       {"conv: {out_channels: 6, kernel_size: [3, 2], stride: [2, 1], padding: [1, 0], groups: 2}",
        "conv: {out_channels: 4, kernel_size: 3, dilation: 2, bias: false, padding: same}",
        "conv: {out_channels: 4, kernel_size: 2, padding: same}",
        "batch_norm",
        "batch_norm: {eps: 1e-3, momentum: 0.3, affine: false}",
        "group_norm: {num_groups: 2}",
        "group_norm: {num_groups: 4, affine: false}",
        "layer_norm: {axes: 2}",
        "layer_norm: {axes: 3, affine: false}",
        "lrn: {size: 3, alpha: 0.1}",
        "max_pool: {kernel_size: 3, stride: 2, padding: 1}",
        "max_pool: {kernel_size: 2}",
        "max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}",
        "max_pool: {kernel_size: 2, stride: 1, dilation: 2}",
        "avg_pool: {kernel_size: 3, stride: 2, padding: 1}",
        "avg_pool: {kernel_size: 3, stride: 2, padding: 1, count_include_pad: false}",
        "avg_pool: {kernel_size: 3, stride: 2, count_include_pad: false, ceil_mode: true}",
        "global_avg_pool",
        "pad: {padding: [1, 2, 0, 1], channels: [1, 0], value: 0.5}",
        "slice: {axis: 2, start: 1, stop: -1}",
        "slice: {start: 1}",
        "slice: {axis: 3, start: 1, step: 2}",
        "permute: {dims: [0, 2, 3, 1]}",
        "max_pool: {kernel_size: 8, stride: 3, ceil_mode: true}",
        "reshape: {shape: [2, -1]}",
        "flatten: {start_axis: 2}",
        "dropout: {p: 0.3}"})
    check_picture_layer(layer);
}

TEST_CASE("layers of several sources come back from ONNX as they were") {
  check_round_trip(test::setup_of(
      config_of("[3, 6, 6]",
                "    - conv: {name: a, out_channels: 4, kernel_size: 1}\n"
                "    - conv: {name: b, from: input, out_channels: 4, kernel_size: 1}\n"
                "    - global_avg_pool: {name: g}\n"
                "    - add: {name: sum, from: [a, b, a]}\n"
                "    - mul: {name: product, from: [a, b, g]}\n"
                "    - concat: {name: wide, from: [sum, product, input]}\n"
                "    - concat: {axis: 3, from: [wide, wide]}\n"
                "    - flatten\n    - linear: {out_features: 6}\n    - softmax: {log: true}\n"
                "    - add: {from: [linear1, softmax1]}\n")));
}

TEST_CASE("recurrent layers of every kind come back from ONNX as they were") {
  const std::string last = "    - flatten\n    - linear: {out_features: 6}\n";
  for (const char* layer :
       {"lstm: {hidden_size: 4}", "lstm: {hidden_size: 4, bias: false}",
        "lstm: {hidden_size: 4, bidirectional: true, num_layers: 2}",
        "lstm: {hidden_size: 4, bidirectional: true, merge: sum}",
        "lstm: {hidden_size: 4, bidirectional: true, output: last}",
        "lstm: {hidden_size: 4, bidirectional: true, merge: sum, output: last}",
        "lstm: {hidden_size: 4, peephole: true}", "gru: {hidden_size: 4, num_layers: 2}",
        "gru: {hidden_size: 4, variant: original, output: last}",
        "gru: {hidden_size: 4, bidirectional: true, bias: false}", "rnn: {hidden_size: 4}",
        "rnn: {hidden_size: 4, nonlinearity: relu, bidirectional: true, output: last}"})
    check_sequence_layers("    - " + std::string(layer) + "\n" + last);
}

TEST_CASE("the final states of a recurrent layer come back from ONNX as they were") {
  check_sequence_layers(
      "    - lstm: {name: rnn, hidden_size: 4, bidirectional: true}\n"
      "    - flatten: {name: all}\n    - flatten: {name: h, from: rnn.h}\n"
      "    - flatten: {name: c, from: rnn.c}\n    - concat: {from: [all, h, c]}\n"
      "    - linear: {out_features: 6}\n");
}

TEST_CASE("a linear layer on a sequence and a norm of its features come back") {
  check_sequence_layers(
      "    - linear: {out_features: 4}\n    - layer_norm\n    - tanh\n"
      "    - linear: {out_features: 4, bias: false}\n"
      "    - slice: {start: 4}\n    - flatten\n    - linear: {out_features: 6}\n");
  check_sequence_layers(
      "    - permute: {dims: [0, 2, 1]}\n    - conv: {out_channels: 4, kernel_size: 3}\n"
      "    - batch_norm\n    - relu\n    - permute: {dims: [0, 2, 1]}\n"
      "    - gru: {hidden_size: 4, output: last}\n    - linear: {out_features: 6}\n");
}

TEST_CASE("every layer but those of training says itself in ONNX") {
  for (const LayerKind& kind : all_layers()) {
    CAPTURE(kind.name);
    CHECK(static_cast<bool>(kind.to_onnx) == !kind.loss);
  }
}

}  // namespace dl
