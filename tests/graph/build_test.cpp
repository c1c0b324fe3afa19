#include "engine/graph/build.h"

#include <doctest/doctest.h>

#include "tests/support/network.h"

namespace dl {
namespace {

std::string around(const std::string& layers, const std::string& loss = "loss: cross_entropy\n") {
  return "model:\n  input: [3, 8, 8]\n  layers:\n" + layers + loss +
         "data: {batch: 4, classes: 10}\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n";
}
const std::string kHead = "    - flatten\n    - linear: {name: fc, out_features: 10}\n";

}  // namespace

TEST_CASE("a loss among the layers, and the reverse, are told apart from unknown types") {
  CHECK(test::setup_error(around("    - covn: {name: c1}\n" + kHead)) ==
        R"(c.yaml:4:7: error: unknown layer or block 'covn'; did you mean 'conv'?
   4 |     - covn: {name: c1}
     |       ^~~~)");
  CHECK(test::setup_error(around("    - cross_entropy: {name: ce}\n" + kHead)) ==
        R"(c.yaml:4:7: error: layer 'ce': 'cross_entropy' is a loss and belongs under 'loss'
   4 |     - cross_entropy: {name: ce}
     |       ^~~~~~~~~~~~~)");
  CHECK(test::setup_error(around(kHead, "loss: linear\n")) ==
        R"(c.yaml:6:7: error: loss 'linear': 'linear' is a layer, not a loss
   6 | loss: linear
     |       ^~~~~~)");
  CHECK(
      test::setup_error(around(kHead, "loss: cross_entropi\n")) ==
      R"(c.yaml:6:7: error: loss 'cross_entropi': unknown loss 'cross_entropi'; did you mean 'cross_entropy'?
   6 | loss: cross_entropi
     |       ^~~~~~~~~~~~~)");
}

TEST_CASE("what only a refused loss judges is not called a dead end") {
  CHECK(
      test::setup_error(
          around(kHead + "    - linear: {name: aux, out_features: 10, from: flatten1}\n",
                 "loss:\n  - cross_entropy: {from: fc}\n  - cross_entropi: {from: aux}\n")
              .insert(6, "\n  output: fc")) ==
      R"(c.yaml:10:5: error: loss 'cross_entropi': unknown loss 'cross_entropi'; did you mean 'cross_entropy'?
   10 |   - cross_entropi: {from: aux}
      |     ^~~~~~~~~~~~~)");
}

TEST_CASE("a layer's results behind the first are named, and kept by the resolved config") {
  const std::string text = R"(
model:
  input: [5, 3]
  layers:
    - lstm: {name: encoder, hidden_size: 4}
    - lstm: {name: decoder, hidden_size: 4, output: last, from: [encoder, encoder.h, encoder.c]}
    - linear: {name: fc, out_features: 10}
loss: cross_entropy
data: {batch: 4, classes: 10}
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)";
  const Setup setup = test::setup_of(text);
  const Node& decoder = setup.graph.nodes[setup.graph.find("decoder")];
  const int encoder = setup.graph.find("encoder");
  CHECK(decoder.src == std::vector<Port>{{encoder, 0}, {encoder, 1}, {encoder, 2}});
  const Setup again = test::setup_of(setup.config.resolved_text);
  CHECK(again.graph.nodes[again.graph.find("decoder")].src == decoder.src);
  CHECK(
      test::setup_error("model:\n  input: [5, 3]\n  layers:\n"
                        "    - gru: {name: encoder, hidden_size: 4}\n"
                        "    - gru: {hidden_size: 4, output: last, from: [encoder, encoder.c]}\n"
                        "    - linear: {out_features: 10}\n"
                        "loss: cross_entropy\ndata: {batch: 4, classes: 10}\n"
                        "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n") ==
      R"(c.yaml:5:59: error: layer 'gru1' (gru): unknown source 'encoder.c'; did you mean 'encoder'?
   5 |     - gru: {hidden_size: 4, output: last, from: [encoder, encoder.c]}
     |                                                           ^~~~~~~~~)");
}

TEST_CASE("a loss takes a mask, and the resolved config keeps it") {
  const std::string text = R"(
model:
  input: [5, 3]
  layers:
    - linear: {name: gate, out_features: 1}
    - reshape: {name: mask, shape: [5]}
    - linear: {name: scores, from: input, out_features: 10}
    - reshape: {name: flat, shape: [50]}
    - linear: {name: fc, out_features: 10}
loss: {cross_entropy: {mask: mask}}
data: {batch: 4, classes: 10}
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)";
  CHECK(
      test::setup_error(text) ==
      R"(c.yaml:10:8: error: loss 'cross_entropy' (cross_entropy): a mask has one number for each sample, or for each place of a sequence: 'fc' is 10 (line 9), 'mask' is 5 (line 6)
   10 | loss: {cross_entropy: {mask: mask}}
      |        ^~~~~~~~~~~~~)");
  std::string fits = text;
  const std::string mask = "    - reshape: {name: mask, shape: [5]}\n";
  fits.replace(fits.find(mask), mask.size(),
               "    - reshape: {name: five, shape: [5]}\n"
               "    - linear: {name: mask, out_features: 1}\n");
  const Setup setup = test::setup_of(fits);
  const Node& loss = setup.graph.nodes[setup.graph.losses[0]];
  REQUIRE(loss.src.size() == 3);
  CHECK(loss.src[2].node == setup.graph.find("mask"));
  CHECK(setup.graph.target.node == setup.graph.find("data.label"));
  const Setup again = test::setup_of(setup.config.resolved_text);
  CHECK(again.graph.nodes[again.graph.losses[0]].src == loss.src);
}

TEST_CASE("sources that the data does not bring are named with the nearest") {
  CHECK(
      test::setup_error(around("    - relu: {from: data.imag}\n" + kHead)) ==
      R"(c.yaml:4:20: error: layer 'relu1' (relu): unknown source 'data.imag'; did you mean 'data.image'?
   4 |     - relu: {from: data.imag}
     |                    ^~~~~~~~~)");
  CHECK(
      test::setup_error(around(kHead, "loss:\n  - cross_entropy: {target: data.lable}\n")) ==
      R"(c.yaml:7:29: error: loss 'cross_entropy' (cross_entropy): unknown source 'data.lable'; did you mean 'data.label'?
   7 |   - cross_entropy: {target: data.lable}
     |                             ^~~~~~~~~~)");
}

TEST_CASE("the number of sources is checked") {
  CHECK(test::setup_error(around("    - relu: {name: a}\n    - relu: {name: b}\n"
                                 "    - tanh: {name: t, from: [a, b]}\n" +
                                 kHead)) ==
        R"(c.yaml:6:7: error: layer 't' (tanh): takes 1 source but gets 2
   6 |     - tanh: {name: t, from: [a, b]}
     |       ^~~~)");
  CHECK(test::setup_error(around("    - add: {name: sum}\n" + kHead)) ==
        R"(c.yaml:4:7: error: layer 'sum' (add): takes at least 2 sources but gets 1
   4 |     - add: {name: sum}
     |       ^~~)");
}

TEST_CASE("sources of two shapes are named with their shapes and lines") {
  const std::string layers =
      "    - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}\n"
      "    - conv: {name: b, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}\n"
      "    - add: {name: sum, from: [b, a]}\n";
  CHECK(
      test::setup_error(around(layers + kHead)) ==
      R"(c.yaml:6:7: error: layer 'sum' (add): sources differ: 'b' is 8x4x4 (line 5), 'a' is 4x8x8 (line 4)
   6 |     - add: {name: sum, from: [b, a]}
     |       ^~~
  hint: project the shortcut with a 1x1 conv of 8 channels and stride 2)");
  CHECK(
      test::setup_error(around("    - conv: {name: a, out_channels: 4, kernel_size: 1}\n"
                               "    - add: {name: sum, from: [a, input]}\n" +
                               kHead)) ==
      R"(c.yaml:5:7: error: layer 'sum' (add): sources differ: 'a' is 4x8x8 (line 4), 'data.image' is 3x8x8
   5 |     - add: {name: sum, from: [a, input]}
     |       ^~~
  hint: project the shortcut with a 1x1 conv of 4 channels)");
}

TEST_CASE("a layer that nothing reads is an error") {
  CHECK(test::setup_error(around("    - conv: {name: a, out_channels: 4, kernel_size: 3}\n"
                                 "    - flatten: {from: input}\n"
                                 "    - linear: {name: fc, out_features: 10}\n")) ==
        R"(c.yaml:4:7: error: layer 'a' leads nowhere: neither the output nor a loss reads it
   4 |     - conv: {name: a, out_channels: 4, kernel_size: 3}
     |       ^~~~)");
}

TEST_CASE("fewer predictions than classes are refused, more are not") {
  CHECK(
      test::setup_error(around("    - flatten\n    - linear: {name: fc, out_features: 7}\n")) ==
      R"(c.yaml:6:7: error: loss 'cross_entropy' (cross_entropy): 'fc' predicts 7 classes but the data has 10
   6 | loss: cross_entropy
     |       ^~~~~~~~~~~~~)");
  CHECK(test::setup_error(around("    - flatten\n    - linear: {name: fc, out_features: 11}\n"))
            .empty());
}

TEST_CASE("a source that does not fit a layer is named, with what to do where that is known") {
  CHECK(
      test::setup_error(around("    - conv: {name: a, out_channels: 4, kernel_size: 7}\n"
                               "    - conv: {name: b, out_channels: 4, kernel_size: 3}\n" +
                               kHead)) ==
      R"(c.yaml:5:7: error: layer 'b' (conv): kernel 3x3 does not fit source 4x2x2 with padding 0 (from 'a')
   5 |     - conv: {name: b, out_channels: 4, kernel_size: 3}
     |       ^~~~)");
  CHECK(
      test::setup_error(around("    - linear: {name: fc, out_features: 10}\n")) ==
      R"(c.yaml:4:7: error: layer 'fc' (linear): linear needs features (N, F) or a sequence (N, T, F) but gets 3x8x8 (from the data)
   4 |     - linear: {name: fc, out_features: 10}
     |       ^~~~~~
  hint: put a flatten layer before it)");
}

TEST_CASE("without data and model.input there is nothing to build on") {
  CHECK(
      test::setup_error("model: {layers: [linear: {name: fc, out_features: 10}]}\n"
                        "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\n"
                        "train: {epochs: 1}\n") ==
      R"(c.yaml:1:8: error: neither model.input nor data.source says what the network's input looks like
   1 | model: {layers: [linear: {name: fc, out_features: 10}]}
     |        ^)");
}

TEST_CASE("all errors of a network are told at once, and what follows from one is not") {
  CHECK(
      test::setup_error(around("    - conv: {name: big, out_channels: 4, kernel_size: 9}\n"
                               "    - conv: {name: next, out_channels: 4, kernal_size: 3}\n"
                               "    - add: {name: one}\n"
                               "    - flatten\n"
                               "    - linear: {name: fc, out_features: 7}\n",
                               "loss:\n  - cross_entropy: {from: fc}\n"
                               "  - cross_entropi: {from: fc}\n")) ==
      R"(c.yaml:4:7: error: layer 'big' (conv): kernel 9x9 does not fit source 3x8x8 with padding 0 (from the data)
   4 |     - conv: {name: big, out_channels: 4, kernel_size: 9}
     |       ^~~~
c.yaml:5:13: error: layer 'next' (conv): missing key 'kernel_size' (int or list of int)
   5 |     - conv: {name: next, out_channels: 4, kernal_size: 3}
     |             ^
c.yaml:5:43: error: layer 'next' (conv): unknown key 'kernal_size'; did you mean 'kernel_size'?
   5 |     - conv: {name: next, out_channels: 4, kernal_size: 3}
     |                                           ^~~~~~~~~~~
c.yaml:6:7: error: layer 'one' (add): takes at least 2 sources but gets 1
   6 |     - add: {name: one}
     |       ^~~
c.yaml:11:5: error: loss 'cross_entropi': unknown loss 'cross_entropi'; did you mean 'cross_entropy'?
   11 |   - cross_entropi: {from: fc}
      |     ^~~~~~~~~~~~~)");
}

TEST_CASE("a graph's nodes stand after their sources: the data first, the losses last") {
  const Graph graph = test::setup_of(around(kHead)).graph;
  REQUIRE(graph.nodes.size() == 5);
  CHECK(graph.nodes[0].name == "data.image");
  CHECK(graph.nodes[1].name == "data.label");
  CHECK(graph.losses == std::vector<int>{4});
  CHECK(graph.output == Port{3, 0});
  CHECK(graph.target == Port{1, 0});
  CHECK(graph.find("fc") == 3);
  CHECK(graph.find("fd") == -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const Port& port : graph.nodes[i].src) CHECK(port.node < static_cast<int>(i));
  }
  CHECK(infer_shapes(graph, 2)[3][0] == Shape{2, 10});
}

}  // namespace dl
