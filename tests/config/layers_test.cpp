// How the entries of `layers` become a flat list: names, sources, blocks, repeats, ifs and groups.
#include <doctest/doctest.h>

#include "tests/config/config_text.h"

namespace dl {
namespace {

/// "name <- sources" of every layer, joined by "; ".
std::string links(const RunConfig& config) {
  std::string all;
  for (const LayerDecl& layer : config.model.layers) {
    std::string sources;
    for (const LayerDecl::Source& source : layer.from) sources += " " + source.name;
    all += (all.empty() ? "" : "; ") + layer.name + " <-" + sources;
  }
  return all;
}

std::string links_of(const std::string& layers, const std::string& more = "") {
  return links(load_text(around(layers, more)));
}

constexpr char kPair[] =
    "blocks:\n"
    "  pair:\n"
    "    params: {size: ~, twice: $(2 * size), fn: relu}\n"
    "    layers:\n"
    "      - linear: {name: a, out_features: $size}\n"
    "      - activation: {fn: $fn}\n"
    "      - linear: {name: b, from: [activation1, input], out_features: $twice}\n";

}  // namespace

TEST_CASE("an entry without from follows the one above it, and the first one the model's input") {
  CHECK(links_of("    - relu: {name: a}\n    - tanh\n    - add: {from: [a, tanh1]}\n") ==
        "a <- input; tanh1 <- a; add1 <- a tanh1");
}

TEST_CASE("named inputs of the data and the model's input can be followed by name") {
  CHECK(
      links_of(
          "    - relu: {name: a, from: data.image}\n    - add: {from: [a, data.mask, input]}\n") ==
      "a <- data.image; add1 <- a data.mask input");
}

TEST_CASE("automatic names are numbered by type and keep away from written ones") {
  CHECK(links_of("    - relu\n    - tanh\n    - relu\n    - relu: {name: relu3}\n    - relu\n") ==
        "relu1 <- input; tanh1 <- relu1; relu2 <- tanh1; relu3 <- relu2; relu4 <- relu3");
}

TEST_CASE(
    "a block's inner names hang below its own, input is what it was given, and its name is its "
    "last layer") {
  CHECK(links_of("    - relu: {name: r}\n    - pair: {name: p, size: 4}\n    - add: {from: [p, "
                 "p.a, r]}\n    - pair: {size: 2, from: r}\n",
                 kPair) ==
        "r <- input; p.a <- r; p.activation1 <- p.a; p.b <- p.activation1 r; add1 <- p.b p.a r; "
        "pair1.a <- r; pair1.activation1 <- pair1.a; pair1.b <- pair1.activation1 r");
}

TEST_CASE("a block's params take arguments and defaults, which may use params and vars") {
  const RunConfig config = load_text(around(
      "    - pair: {name: p, size: $(w + 1)}\n    - pair: {name: q, size: 1, twice: 9, fn: tanh}\n",
      std::string("vars: {w: 3}\n") + kPair));
  CHECK(layer_line(config.model.layers[0]) == "linear p.a <- input {out_features: 4}");
  CHECK(layer_line(config.model.layers[2]) ==
        "linear p.b <- p.activation1 input {out_features: 8}");
  CHECK(layer_line(config.model.layers[4]) == "activation q.activation1 <- q.a {fn: tanh}");
  CHECK(layer_line(config.model.layers[5]) == "linear q.b <- q.activation1 p.b {out_features: 9}");
}

TEST_CASE("a block does not see the names, params and indexes around it") {
  CHECK(error_of(around("    - relu: {name: outside}\n    - b\n",
                        "blocks: {b: {layers: [relu: {from: outside}]}}\n"))
            .find("unknown layer 'outside'") != std::string::npos);
  CHECK(error_of(around("    - repeat: 2\n      layers: [b]\n",
                        "blocks: {b: {layers: [dropout: {p: $(i * 0.1)}]}}\n"))
            .find("unknown name 'i'") != std::string::npos);
}

TEST_CASE("the rounds of a repeat are numbered below its name") {
  CHECK(links_of("    - repeat: 2\n      name: stage\n      layers:\n        - linear: {name: fc, "
                 "out_features: $(i + 1)}\n        - relu\n    - add: {from: [stage, stage.0, "
                 "stage.0.fc]}\n") ==
        "stage.0.fc <- input; stage.0.relu1 <- stage.0.fc; stage.1.fc <- stage.0.relu1; "
        "stage.1.relu1 <- stage.1.fc; add1 <- stage.1.relu1 stage.0.relu1 stage.0.fc");
}

TEST_CASE("a lone entry without a name bears the name of what it stands in") {
  CHECK(links_of("    - repeat: 2\n      name: s\n      layers: [relu]\n    - if: true\n      "
                 "name: t\n      layers: [tanh]\n    - b: {name: u}\n",
                 "blocks: {b: {layers: [relu]}}\n") ==
        "s.0 <- input; s.1 <- s.0; t <- s.1; u <- t");
  CHECK(links_of("    - repeat: 2\n      name: s\n      layers: [pair: {size: 1}]\n", kPair)
            .starts_with("s.0.a <- input; s.0.activation1 <- s.0.a"));
}

TEST_CASE("a repeat's name may hold its index, whatever that is called") {
  CHECK(links_of("    - repeat: 2\n      as: j\n      name: denselayer$(j+1)\n      layers:\n      "
                 "  - relu: {name: a}\n        - tanh: {name: b$j}\n") ==
        "denselayer1.a <- input; denselayer1.b0 <- denselayer1.a; denselayer2.a <- denselayer1.b0; "
        "denselayer2.b1 <- denselayer2.a");
}

TEST_CASE("a repeat without a name numbers its rounds, and repeats nest") {
  CHECK(links_of("    - repeat: 2\n      layers:\n        - repeat: 2\n          as: j\n          "
                 "layers: [linear: {out_features: $(10 * i + j)}]\n") ==
        "0.0 <- input; 0.1 <- 0.0; 1.0 <- 0.1; 1.1 <- 1.0");
  CHECK(links_of("    - s: {name: layer1}\n",
                 "blocks: {s: {layers: [{repeat: 2, layers: [relu: {name: a}, tanh]}]}}\n") ==
        "layer1.0.a <- input; layer1.0.tanh1 <- layer1.0.a; layer1.1.a <- layer1.0.tanh1; "
        "layer1.1.tanh1 <- layer1.1.a");
}

TEST_CASE("input inside a repeat or an if is that of the block or model around it") {
  CHECK(links_of("    - relu\n    - repeat: 2\n      name: r\n      layers:\n        - add: {from: "
                 "[input, relu1]}\n") == "relu1 <- input; r.0 <- input relu1; r.1 <- input relu1");
}

TEST_CASE("a round's own names come before those around it") {
  CHECK(links_of("    - relu: {name: a}\n    - repeat: 2\n      name: r\n      layers:\n        - "
                 "tanh: {name: a}\n        - add: {from: [a, r.0.a]}\n") ==
        "a <- input; r.0.a <- a; r.0.add1 <- r.0.a r.0.a; r.1.a <- r.0.add1; r.1.add1 <- r.1.a "
        "r.0.a");
}

TEST_CASE("a false if and a repeat of nothing stand for what they follow") {
  CHECK(links_of("    - relu: {name: a}\n    - tanh: {name: b}\n    - if: false\n      name: s\n   "
                 "   from: a\n      layers: [relu]\n    - add: {from: [b, s]}\n") ==
        "a <- input; b <- a; add1 <- b a");
  CHECK(
      links_of("    - relu: {name: a}\n    - if: false\n      layers: [tanh]\n    - repeat: 0\n    "
               "  name: none\n      layers: [tanh]\n    - add: {from: [a, none]}\n    - relu\n") ==
      "a <- input; add1 <- a a; relu1 <- add1");
  CHECK(links_of("    - relu: {name: a}\n    - relu: {name: b}\n    - if: false\n      from: a\n   "
                 "   layers: [tanh]\n    - relu: {name: c}\n") == "a <- input; b <- a; c <- a");
}

TEST_CASE("a true if without a name puts its layers into the list around it") {
  CHECK(links_of("    - relu\n    - if: $(1 < 2)\n      layers:\n        - relu\n        - tanh: "
                 "{name: t}\n    - add: {from: [relu2, t]}\n") ==
        "relu1 <- input; relu2 <- relu1; t <- relu2; add1 <- relu2 t");
}

TEST_CASE("a group gives its layers a common prefix") {
  CHECK(links_of("    - name: features\n      layers:\n        - relu: {name: relu0}\n        - "
                 "tanh\n    - linear: {name: classifier, out_features: 2}\n") ==
        "features.relu0 <- input; features.tanh1 <- features.relu0; classifier <- features.tanh1");
}

TEST_CASE("an inception block of the design reads as the paper's figure does") {
  const char* blocks =
      "blocks:\n"
      "  cba:\n"
      "    params: {out_channels: ~, kernel_size: ~}\n"
      "    layers:\n"
      "      - conv: {name: conv, out_channels: $out_channels, kernel_size: $kernel_size, padding: "
      "$(kernel_size // 2)}\n"
      "      - relu\n"
      "  inception:\n"
      "    params: {c1: ~, r3: ~, c3: ~}\n"
      "    layers:\n"
      "      - cba: {name: branch1, from: input, out_channels: $c1, kernel_size: 1}\n"
      "      - cba: {name: branch2.0, from: input, out_channels: $r3, kernel_size: 1}\n"
      "      - cba: {name: branch2.1, out_channels: $c3, kernel_size: 3}\n"
      "      - max_pool: {name: branch4.0, from: input, kernel_size: 3}\n"
      "      - concat: {from: [branch1, branch2.1, branch4.0]}\n";
  CHECK(
      links_of("    - relu: {name: stem}\n    - inception: {name: i3a, c1: 1, r3: 2, c3: 3}\n",
               blocks) ==
      "stem <- input; i3a.branch1.conv <- stem; i3a.branch1.relu1 <- i3a.branch1.conv; "
      "i3a.branch2.0.conv <- stem; i3a.branch2.0.relu1 <- i3a.branch2.0.conv; "
      "i3a.branch2.1.conv <- i3a.branch2.0.relu1; i3a.branch2.1.relu1 <- i3a.branch2.1.conv; "
      "i3a.branch4.0 <- stem; i3a.concat1 <- i3a.branch1.relu1 i3a.branch2.1.relu1 i3a.branch4.0");
}

TEST_CASE("output and losses take names of blocks for their last layers") {
  const RunConfig config = load_text(
      "model:\n  layers:\n    - pair: {name: p, size: 2}\n    - relu\n  output: p\n"
      "loss:\n  - mse: {from: p.a, target: data.image}\n  - mse: {name: l2, from: p, target: "
      "input}\n"
      "optimizer: adam\ntrain: {epochs: 1}\n" +
      std::string(kPair));
  CHECK(config.model.output->name == "p.b");
  CHECK(config.losses[0].from.name == "p.a");
  CHECK(config.losses[0].target.name == "data.image");
  CHECK(config.losses[1].name == "l2");
  CHECK(config.losses[1].from.name == "p.b");
  CHECK(config.losses[1].target.name == "input");
}

TEST_CASE("sources always stand above the layers that follow them, even by the thousand") {
  const RunConfig config =
      load_text(around("    - repeat: 2000\n      name: r\n      layers:\n        - relu: {name: "
                       "a}\n        - add: {from: [a, input]}\n"));
  REQUIRE(config.model.layers.size() == 4000);
  CHECK(config.model.layers[3999].from[0].name == "r.1999.a");
}

}  // namespace dl
