#include <doctest/doctest.h>

#include <algorithm>

#include "engine/core/error.h"
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
  OnnxModel turned = chain({op("Transpose", "t")});
  turned.nodes[0].attributes = {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}};
  CHECK(error_of(turned) ==
        "error: m.onnx: operator Transpose 't' is not covered: what it makes stands at the output "
        "with its axes in another order");
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
  clip.nodes[0].attributes = {{"min", -1.0F}, {"max", 1.0F}};
  CHECK(error_of(clip).find("its bounds are not 0 and 6") != std::string::npos);
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
  model.nodes[0].attributes[2].value = std::vector<std::int64_t>{1, 1, 0, 0};
  CHECK(imported(model).config.find("pad: {padding: [1, 0, 1, 0], value: -1e+38}") !=
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
