#include "engine/config/reference.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "engine/config/run_config.h"

namespace dl {
namespace {

DocEntry relu() {
  return {"relu",
          "max(x, slope * x), element by element",
          {{.name = "slope",
            .type = "float",
            .doc = "slope for negative values; 0 is plain ReLU",
            .default_text = "0",
            .limits = at_least(0)}}};
}

DocEntry conv() {
  return {
      "conv",
      "a convolution",
      {{.name = "out_channels",
        .type = "int",
        .doc = "channels of the result",
        .required = true,
        .limits = at_least(1)},
       {.name = "mode", .type = "zeros|same", .doc = "a | b", .default_text = "zeros"},
       {.name = "init",
        .type = "map",
        .doc = "weights",
        .nested = {{.name = "std", .type = "float", .doc = "width", .limits = above_to(0, 1)}}}}};
}

}  // namespace

TEST_CASE("help has a line for the kind and a row for each key, in columns") {
  CHECK(help_text(relu()) ==
        "relu - max(x, slope * x), element by element\n"
        "  slope   float   default 0   >= 0   slope for negative values; 0 is plain ReLU\n");
  CHECK(help_text(conv()) ==
        "conv - a convolution\n"
        "  out_channels   int          required        >= 1         channels of the result\n"
        "  mode           zeros|same   default zeros                a | b\n"
        "  init           map                                       weights\n"
        "  init.std       float                        0 < x <= 1   width\n");
  CHECK(list_text(std::vector<DocEntry>{relu(), conv()}) ==
        "  relu   max(x, slope * x), element by element\n  conv   a convolution\n");
}

TEST_CASE("the manual's tables survive bars and name defaults") {
  CHECK(markdown(conv()) ==
        "## conv\n\na convolution\n\n| key | type | default | range | |\n|---|---|---|---|---|\n"
        "| `out_channels` | int | required | >= 1 | channels of the result |\n"
        "| `mode` | zeros\\|same | `zeros` |  | a \\| b |\n"
        "| `init` | map |  |  | weights |\n"
        "| `init.std` | float |  | 0 < x <= 1 | width |\n");
  CHECK(markdown({"flatten", "one axis", {}}) ==
        "## flatten\n\none axis\n\nIt has no parameters.\n");
}

TEST_CASE("a key's schema has its type, its range and room for an expression") {
  const auto schema = params_schema(conv().params);
  CHECK(schema["required"] == nlohmann::ordered_json::array({"out_channels"}));
  CHECK(schema["additionalProperties"] == false);
  const auto& out_channels = schema["properties"]["out_channels"];
  CHECK(out_channels["anyOf"][0].dump() == R"({"type":"integer","minimum":1})");
  CHECK(out_channels["anyOf"][1].dump() == R"({"$ref":"#/$defs/expression"})");
  CHECK(schema["properties"]["mode"]["anyOf"][0].dump() == R"({"enum":["zeros","same"]})");
  CHECK(schema["properties"]["init"]["properties"]["std"]["anyOf"][0].dump() ==
        R"({"type":"number","exclusiveMinimum":0,"maximum":1})");
}

TEST_CASE("the schema of a config knows its sections, kinds and layers") {
  SchemaParts parts;
  parts.layers = {relu(), conv()};
  parts.optimizers = {{"sgd",
                       "stochastic gradient descent",
                       {{.name = "lr", .type = "float", .doc = "rate", .required = true}}}};
  parts.schedules = {{"constant", "no change", {}}};
  parts.initializers = {{"zeros", "nothing", {}}};
  const auto schema = nlohmann::json::parse(config_schema(parts));
  CHECK(schema["properties"]["train"]["properties"].contains("epochs"));
  const auto& sgd = schema["properties"]["optimizer"]["anyOf"][1]["properties"]["sgd"];
  CHECK(sgd["properties"].contains("lr"));
  CHECK_FALSE(sgd.contains("required"));  // it may be inherited, but not in a config that is whole:
  CHECK(schema["allOf"][1]["then"]["properties"]["optimizer"]["properties"]["sgd"]["required"][0] ==
        "lr");
  CHECK(schema["properties"]["schedule"]["anyOf"][1]["properties"].contains("warmup"));
  for (const char* which : {"layers", "layers_and_blocks"}) {
    const auto& entry = schema["$defs"][which]["items"]["anyOf"][1]["properties"];
    for (const char* key : {"conv", "relu", "repeat", "if", "layers", "name", "from"})
      CHECK_MESSAGE(entry.contains(key), key);
  }
  CHECK(schema["$defs"]["layer"]["conv"]["properties"].contains("from"));
  CHECK(schema["$defs"]["layer"]["conv"]["required"][0] == "out_channels");
  CHECK(schema["$defs"]["initializer"]["anyOf"][0]["enum"][0] == "zeros");
}

TEST_CASE(
    "a file without blocks takes known layers only, one with blocks no other spelling of them") {
  SchemaParts parts;
  parts.layers = {relu(), conv()};
  const auto schema = nlohmann::json::parse(config_schema(parts));
  CHECK(schema["$defs"]["layers"]["items"]["anyOf"][1]["additionalProperties"] == false);
  const std::regex spelling(schema["$defs"]["layers_and_blocks"]["items"]["anyOf"][1]
                                  ["propertyNames"]["anyOf"][1]["not"]["pattern"]
                                      .get<std::string>());
  for (const char* word : {"Conv", "conv2d", "Conv3D", "conv_1d", "ReLU", "relu"})
    CHECK_MESSAGE(std::regex_match(word, spelling), word);
  for (const char* word : {"basic", "conv_bn", "conv4d", "myrelu"})
    CHECK_FALSE_MESSAGE(std::regex_match(word, spelling), word);
}

TEST_CASE("every key of every section says what it is for") {
  for (const SectionDoc& section : config_sections()) {
    CHECK_FALSE(section.summary.empty());
    for (const ParamSpec& spec : section.params) {
      CHECK_MESSAGE(!spec.doc.empty(), spec.name);
      for (const ParamSpec& nested : spec.nested) CHECK_MESSAGE(!nested.doc.empty(), nested.name);
    }
  }
}

}  // namespace dl
