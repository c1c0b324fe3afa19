#include <doctest/doctest.h>

#include <algorithm>

#include "core/error.h"
#include "tests/support/onnx_network.h"

// What import refuses, what it makes of strange names, and what it leaves out.

namespace dl {
namespace {

/// x (N, 3, 8, 8) -> a list of operators of one input each.
OnnxModel chain(const std::vector<OnnxNode>& operators) {
  OnnxModel model;
  model.inputs = {{.name = "x", .type = OnnxType::f32, .dims = {-1, 3, 8, 8}}};
  std::string last = "x";
  for (OnnxNode node : operators) {
    node.inputs.insert(node.inputs.begin(), last);
    last = "t" + std::to_string(model.nodes.size());
    node.outputs = {last};
    model.nodes.push_back(std::move(node));
  }
  model.outputs = {{.name = last, .type = OnnxType::f32, .dims = {-1, 3, 8, 8}}};
  return model;
}

OnnxNode op(const std::string& type, const std::string& name = "", const std::string& domain = "") {
  return {
      .op = type, .domain = domain, .name = name, .inputs = {}, .outputs = {}, .attributes = {}};
}

ImportedNetwork imported(const OnnxModel& model, const std::vector<std::int64_t>& shape = {}) {
  return import_network(model, {.path = "m.onnx", .name = "m", .input_shape = shape});
}

std::string error_of(const OnnxModel& model) {
  try {
    imported(model);
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::weights);
    return error.what();
  }
  return "";
}

OnnxTensor tensor(const std::string& name, std::vector<std::int64_t> dims) {
  OnnxTensor made{.name = name, .type = OnnxType::f32, .dims = std::move(dims), .bytes = {}};
  made.bytes.assign(static_cast<std::size_t>(made.elements()) * 4, '\0');
  return made;
}

/// A 1x1 convolution with a weight of that name, in an operator of that name.
OnnxModel named(const std::string& weight, const std::string& node) {
  OnnxModel model = chain({op("Conv", node), op("Flatten")});
  model.nodes[0].inputs.push_back(weight);
  model.initializers = {tensor(weight, {2, 3, 1, 1})};
  return model;
}

}  // namespace

TEST_CASE("every operator without a layer is named, with its type and its name, in one error") {
  const std::string found = error_of(
      chain({op("Relu"), op("Einsum", "/a/Einsum"), op("Relu"), op("NonZero", "last\n\x1b[31m"),
             op("Fused", "f", "com.example"), op("Cast")}));
  CHECK(found ==
        "error: m.onnx: operator Einsum '/a/Einsum' is not covered: dltool has no layer for it\n"
        "error: m.onnx: operator NonZero 'last\\x0a\\x1b[31m' is not covered: dltool has no layer "
        "for it\n"
        "error: m.onnx: operator com.example.Fused 'f' is not covered: dltool has no layer for it");
}

TEST_CASE("operators on which the output does not depend do not matter") {
  OnnxModel model = chain({op("Relu"), op("Tanh")});
  OnnxNode extra = op("Einsum", "unused");
  extra.inputs = {"t0"};
  extra.outputs = {"nobody"};
  model.nodes.push_back(extra);
  CHECK(imported(model).layers == 2);
}

TEST_CASE("a use of an operator that no layer has is refused with its reason") {
  OnnxModel turned = chain({op("Relu"), op("Transpose", "t"), op("Flatten", "f")});
  turned.nodes[1].attributes = {{"perm", std::vector<std::int64_t>{1, 0, 2, 3}}};
  CHECK(error_of(turned) ==
        "error: m.onnx: operator Flatten 'f' is not covered: the batch is not the first axis of "
        "its input");
  CHECK(error_of(chain({op("LSTM", "l")})).find("operator LSTM 'l' is not covered") !=
        std::string::npos);
  for (const OnnxType type : {OnnxType::i64, OnnxType::boolean}) {
    OnnxModel cast = chain({op("Cast", "c"), op("Relu")});
    cast.nodes[0].attributes = {{"to", static_cast<std::int64_t>(type)}};
    CHECK(error_of(cast).find("it changes the kind of its numbers") != std::string::npos);
    cast.nodes[0].attributes = {{"to", static_cast<std::int64_t>(OnnxType::f32)}};
    CHECK(error_of(cast).empty());
  }
  OnnxModel clip = chain({op("Clip", "c")});
  clip.nodes[0].attributes = {{"min", 1.0F}, {"max", 1.0F}};
  CHECK(error_of(clip).find("its bounds leave one number") != std::string::npos);
  OnnxModel back = chain({op("Relu"), op("Slice", "s")});
  back.nodes[1].inputs = {"t0", "start", "end", "axis", "step"};
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::int64_t>>{
           {"start", -1}, {"end", -100}, {"axis", 2}, {"step", -1}}) {
    OnnxTensor number{.name = name, .type = OnnxType::i64, .dims = {1}, .bytes = {}};
    number.bytes.assign(reinterpret_cast<const char*>(&value), sizeof value);
    back.initializers.push_back(number);
  }
  CHECK(error_of(back) ==
        "error: m.onnx: operator Slice 's' is not covered: it goes backwards, and dltool has no "
        "layer that does");
  OnnxModel places = chain({op("Relu"), op("Add", "positions")});
  places.nodes[1].inputs.push_back("p");
  places.initializers = {tensor("p", {8, 8})};
  CHECK(error_of(places).find("Add 'positions' is not covered: its numbers differ along several "
                              "axes") != std::string::npos);
}

TEST_CASE("a batch norm in training mode is refused, in the words of each opset") {
  OnnxModel model = chain({op("BatchNormalization", "bn")});
  for (const char* name : {"s", "b", "m", "v"}) {
    model.nodes[0].inputs.push_back(name);
    model.initializers.push_back(tensor(name, {3}));
  }
  CHECK(error_of(model).empty());
  const std::string refused =
      "error: m.onnx: operator BatchNormalization 'bn' is not covered: it is in training mode, in "
      "which it normalizes by the statistics of each batch instead of the running ones: export the "
      "model as it is evaluated (model.eval())";
  model.nodes[0].attributes = {{"training_mode", std::int64_t{1}}};
  CHECK(error_of(model) == refused);
  model.nodes[0].attributes.clear();
  model.nodes[0].outputs = {"t0", "mean", "variance"};  // up to opset 13
  CHECK(error_of(model) == refused);
}

TEST_CASE("axes that are turned are a permute layer, unless they are turned back") {
  OnnxModel model = chain({op("Relu"), op("Transpose"), op("Flatten")});
  model.nodes[1].attributes = {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}};
  CHECK(imported(model).config.find("permute: {dims: [0, 2, 3, 1]}") != std::string::npos);
  model = chain({op("Relu"), op("Transpose"), op("Tanh"), op("Transpose"), op("Flatten")});
  model.nodes[1].attributes = {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}};
  model.nodes[3].attributes = {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}};
  CHECK(imported(model).layers == 3);
  // At the output too, where the model's own order is kept.
  model = chain({op("Relu"), op("Transpose")});
  model.nodes[1].attributes = {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}};
  CHECK(imported(model).config.find("permute: {dims: [0, 2, 3, 1]}") != std::string::npos);
}

TEST_CASE("numbers that nothing folds are a convolution of 1x1, which a note says") {
  OnnxModel model = chain({op("Mul", "scale"), op("Flatten")});
  model.nodes[0].inputs.push_back("k");
  model.initializers = {tensor("k", {3, 1, 1})};
  const ImportedNetwork network = imported(model);
  CHECK(network.config.find("conv: {name: conv_1, out_channels: 3, kernel_size: 1, groups: 3, "
                            "bias: false}") != std::string::npos);
  REQUIRE(network.notes.size() == 1);
  CHECK(network.notes[0].find("the operator Mul 'scale' computes with fixed numbers") == 0);
}

TEST_CASE("a shape that the model leaves open can be said") {
  OnnxModel model = chain({op("Relu")});
  model.inputs[0].dims = {-1, 3, -1, -1};
  CHECK(error_of(model).find("--input-shape 3,224,224") != std::string::npos);
  CHECK(imported(model, {3, 4, 4}).config.find("input: [3, 4, 4]") != std::string::npos);
}

TEST_CASE("names from a file stay names in the config, whatever is in them") {
  for (const std::string& name :
       {std::string("]}\nevil: {x"), std::string("a: b # c"), std::string("$data.classes"),
        std::string("$(1/0)"), std::string("input"), std::string("data.image"),
        std::string("..a..b.."), std::string("'\"\\"), std::string("\xc3\xa9t\xc3\xa9"),
        std::string("*anchor &x !tag"), std::string("~"), std::string("1e5"), std::string("true"),
        std::string("a\x01\x7f"), std::string(900, 'n'), std::string(".weight"),
        std::string("rnn.h")}) {
    for (const OnnxModel& model : {named(name + ".weight", ""), named("w", name + "/Conv")}) {
      CAPTURE(name);
      const test::FilledNetwork network = test::imported(model);  // checks the weights' names too
      CHECK(network.setup.graph.nodes.size() > 1);
    }
  }
}

TEST_CASE("a path that says strange things is a comment and no more") {
  const ImportedNetwork network = import_network(
      named("a.weight", ""), {.path = "x\nloss: mse\n.onnx", .name = "x\n: y", .input_shape = {}});
  CHECK(network.config.find("\nloss: mse") == std::string::npos);
  CHECK_NOTHROW(test::setup_of(network.config));
}

TEST_CASE("layers of one name are told apart") {
  OnnxModel model = named("conv.weight", "");
  OnnxNode again = op("Conv");
  again.inputs = {"x", "conv.weight"};
  again.outputs = {"u"};
  OnnxNode sum = op("Add");
  sum.inputs = {"t0", "u"};
  sum.outputs = {"v"};
  model.nodes.push_back(again);
  model.nodes.push_back(sum);
  model.outputs[0].name = "v";
  const ImportedNetwork network = imported(model);
  CHECK(network.weights[0].name == "conv.weight");
  CHECK(network.weights[1].name == "conv_2.weight");
}

TEST_CASE("a softmax at the end is left to the loss, one in between is a layer") {
  OnnxModel model = chain({op("Flatten"), op("Softmax")});
  const ImportedNetwork at_end = imported(model);
  CHECK(at_end.layers == 1);
  CHECK(at_end.notes.size() == 1);
  model = chain({op("Flatten"), op("Softmax"), op("Relu")});
  CHECK(imported(model).layers == 3);
}

TEST_CASE("further outputs are left out, with what only they need") {
  OnnxModel model = chain({op("Relu"), op("Tanh")});
  model.outputs = {{.name = "t0", .type = OnnxType::f32, .dims = {}},
                   {.name = "t1", .type = OnnxType::f32, .dims = {}}};
  const ImportedNetwork network = imported(model);
  CHECK(network.layers == 1);
  CHECK(network.notes[0].find("1 further outputs") == 0);
}

TEST_CASE("paddings that differ between the sides are a pad layer, or ceil_mode where that is it") {
  OnnxModel model = named("w", "");
  model.nodes[0].attributes = {{"pads", std::vector<std::int64_t>{0, 1, 2, 1}}};
  CHECK(imported(model).config.find("pad: {padding: [1, 1, 0, 2]}") != std::string::npos);
  model = chain({op("MaxPool")});
  model.nodes[0].attributes = {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                               {"strides", std::vector<std::int64_t>{2, 2}},
                               {"pads", std::vector<std::int64_t>{0, 0, 1, 1}}};
  CHECK(imported(model).config.find("max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}") !=
        std::string::npos);
  // The same padding on both sides makes no further window here.
  model.nodes[0].attributes[2].value = std::vector<std::int64_t>{1, 1, 0, 0};
  CHECK(imported(model).config.find("max_pool: {kernel_size: 3, stride: 2, padding: 1}") !=
        std::string::npos);
  model.nodes[0].attributes[1].value = std::vector<std::int64_t>{1, 1};  // but here
  CHECK(imported(model).config.find("pad: {padding: [1, 0, 1, 0], value: -1e+38}") !=
        std::string::npos);
  // With ceil_mode the pads alone make no further window.
  model.nodes[0].attributes[1].value = std::vector<std::int64_t>{2, 2};
  model.nodes[0].attributes[2].value = std::vector<std::int64_t>{0, 0, 2, 2};
  model.nodes[0].attributes.push_back({"ceil_mode", std::int64_t{1}});
  CHECK(imported(model).config.find("max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}") !=
        std::string::npos);
}

TEST_CASE("tensors that layers share become copies, which a note says") {
  OnnxModel model = chain({op("Conv", "a"), op("Relu"), op("Conv", "b"), op("Flatten")});
  for (const std::size_t i : {0, 2}) model.nodes[i].inputs.push_back("w.weight");
  model.initializers = {tensor("w.weight", {3, 3, 1, 1})};
  const ImportedNetwork shared = imported(model);
  REQUIRE(shared.notes.size() == 1);
  CHECK(shared.notes[0] ==
        "the layers 'w', 'w_2' share 'w.weight' in the model; here each has copies of its own, and "
        "training lets them differ");
  CHECK(shared.config.find("# Note: the layers 'w', 'w_2' share") != std::string::npos);
  // Also where one of them turns it over.
  OnnxModel tied = chain({op("Flatten"), op("MatMul"), op("MatMul")});
  OnnxNode turned = op("Transpose", "t");
  turned.inputs = {"w"};
  turned.outputs = {"wt"};
  tied.nodes.insert(tied.nodes.begin(), turned);
  tied.nodes[2].inputs.push_back("w");
  tied.nodes[3].inputs.push_back("wt");
  tied.initializers = {tensor("w", {192, 5})};
  CHECK(imported(tied).notes.size() == 1);
  tied.initializers.push_back(tensor("v", {5, 192}));
  tied.nodes[3].inputs[1] = "v";
  CHECK(imported(tied).notes.empty());
}

}  // namespace dl
