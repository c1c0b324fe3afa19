#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/config/reference.h"
#include "engine/config/run_config.h"
#include "engine/core/text.h"

namespace dl {
namespace {

using Json = nlohmann::ordered_json;

Json expression_ref() { return {{"$ref", "#/$defs/expression"}}; }

Json limited(Json schema, const Limits& limits) {
  // Whole numbers are written as such: 1, not 1.0.
  const auto number = [](double value) {
    return value == std::floor(value) && std::abs(value) < 1e15
               ? Json(static_cast<std::int64_t>(value))
               : Json(value);
  };
  if (std::isfinite(limits.min))
    schema[limits.min_open ? "exclusiveMinimum" : "minimum"] = number(limits.min);
  if (std::isfinite(limits.max))
    schema[limits.max_open ? "exclusiveMaximum" : "maximum"] = number(limits.max);
  return schema;
}

Json any_of(std::vector<Json> choices) {
  return choices.size() == 1 ? std::move(choices[0]) : Json{{"anyOf", std::move(choices)}};
}

/// The choices that a type's name in a ParamSpec stands for.
void add_choices(const std::string& type, const ParamSpec& spec, std::vector<Json>& choices) {
  const std::size_t alternative = type.find(" or ");
  if (alternative != std::string::npos) {
    add_choices(type.substr(0, alternative), spec, choices);
    add_choices(type.substr(alternative + 4), spec, choices);
  } else if (type.starts_with("list of ")) {
    std::vector<Json> items;
    add_choices(type.substr(8), spec, items);
    items.push_back(expression_ref());
    choices.push_back({{"type", "array"}, {"items", any_of(std::move(items))}});
  } else if (type == "int" || type == "float") {
    choices.push_back(limited({{"type", type == "int" ? "integer" : "number"}}, spec.limits));
  } else if (type == "bool" || type == "string" || type == "path") {
    choices.push_back({{"type", type == "bool" ? "boolean" : "string"}});
  } else if (type == "map" && !spec.nested.empty()) {
    choices.push_back(params_schema(spec.nested));
  } else if (type == "node" || type == "map" || type.find(':') != std::string::npos) {
    choices.push_back(Json::object());
  } else {
    choices.push_back({{"enum", split(type, '|')}});
  }
}

Json value_schema(const ParamSpec& spec) {
  std::vector<Json> choices;
  add_choices(spec.type, spec, choices);
  const bool anything = choices.size() == 1 && choices[0].empty();
  const bool object = choices.size() == 1 && choices[0].contains("properties");
  if (!anything && !object) choices.push_back(expression_ref());
  Json schema = any_of(std::move(choices));
  schema["description"] = spec.doc;
  return schema;
}

Json names_schema(std::span<const DocEntry> kinds) {
  std::vector<std::string> names;
  for (const DocEntry& kind : kinds) names.push_back(kind.name);
  return {{"enum", names}};
}

/// `sgd`, or `sgd: {...}` with its keys; `common` are keys that every kind takes.
Json kinds_schema(std::span<const DocEntry> kinds, std::span<const ParamSpec> common = {}) {
  if (kinds.empty()) return Json::object();
  Json properties = Json::object();
  for (const DocEntry& kind : kinds) {
    std::vector<ParamSpec> specs(kind.params);
    for (const ParamSpec& spec : common) {
      const bool own = std::any_of(specs.begin(), specs.end(),
                                   [&](const ParamSpec& s) { return s.name == spec.name; });
      if (!own) specs.push_back(spec);
    }
    properties[kind.name] = params_schema(specs);
    properties[kind.name]["description"] = kind.summary;
  }
  Json choice = {{"type", "object"},
                 {"properties", properties},
                 {"additionalProperties", false},
                 {"minProperties", 1},
                 {"maxProperties", 1}};
  return {{"anyOf", {names_schema(kinds), choice}}};
}

ParamSpec spec_of(const char* name, const char* type, const char* doc) { return {name, type, doc}; }

Json layers_schema(std::span<const DocEntry> layers) {
  const std::vector<ParamSpec> links = {
      spec_of("name", "string", "the layer's name, which its weights bear"),
      spec_of("from", "string or list of string", "what it follows; the entry above unless said")};
  const Json list = {{"$ref", "#/$defs/layers"}};
  Json entry = kinds_schema(layers, links);
  Json properties = entry.contains("anyOf") ? entry["anyOf"][1]["properties"] : Json::object();
  for (const ParamSpec& link : links) properties[link.name] = value_schema(link);
  properties["repeat"] = value_schema(
      spec_of("repeat", "int", "how often the layers below stand one after the other"));
  properties["as"] = {{"type", "string"}, {"description", "the index's name; i unless said"}};
  properties["if"] = value_schema(spec_of("if", "bool", "whether the layers below are there"));
  properties["layers"] = list;
  // Blocks are the config's own, so any other word may be one.
  const Json named = {{"type", "object"},
                      {"properties", properties},
                      {"additionalProperties", {{"type", {"object", "null"}}}}};
  return {{"type", "array"}, {"items", {{"anyOf", {Json{{"type", "string"}}, named}}}}};
}

Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

}  // namespace

Json params_schema(std::span<const ParamSpec> specs) {
  Json properties = Json::object();
  std::vector<std::string> required;
  for (const ParamSpec& spec : specs) {
    properties[spec.name] = value_schema(spec);
    if (spec.required) required.push_back(spec.name);
  }
  Json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

std::string config_schema(const SchemaParts& parts) {
  const auto specs = [](const std::string& path) {
    for (const SectionDoc& section : config_sections())
      if (section.path == path) return section.params;
    return std::vector<ParamSpec>();
  };
  Json root = params_schema(specs(""));
  root.erase("required");  // a file may extend another one, or be there to be extended
  Json& properties = root["properties"];
  properties["extends"] = value_schema(spec_of("extends", "string or list of string",
                                               "a config, or several, that this one is put over"));
  properties["vars"] = {{"type", "object"}};
  const Json block = {
      {"type", "object"},
      {"properties", {{"params", {{"type", "object"}}}, {"layers", {{"$ref", "#/$defs/layers"}}}}},
      {"additionalProperties", false}};
  properties["blocks"] = {{"type", "object"}, {"additionalProperties", block}};
  properties["data"] = params_schema(specs("data"));
  properties["data"]["properties"]["source"] = kinds_schema(parts.sources);
  for (const char* when : {"train", "eval"})
    properties["data"]["properties"]["transforms"]["properties"][when] =
        list_of(kinds_schema(parts.transforms));
  properties["model"] = params_schema(specs("model"));
  properties["model"].erase("required");
  properties["model"]["properties"]["layers"] = {{"$ref", "#/$defs/layers"}};
  const Json loss = kinds_schema(parts.losses, specs("loss"));
  properties["loss"] = {{"anyOf", {loss, list_of(loss)}}};
  properties["optimizer"] = kinds_schema(parts.optimizers);
  properties["schedule"] = kinds_schema(parts.schedules);
  if (properties["schedule"].contains("anyOf")) {
    Json& choice = properties["schedule"]["anyOf"][1];
    choice["properties"]["warmup"] = {{"type", "object"},
                                      {"description", "a rise of the learning rate at the start"}};
    choice["maxProperties"] = 2;
  }
  properties["train"] = params_schema(specs("train"));
  properties["train"].erase("required");
  properties["diagnostics"] = params_schema(specs("diagnostics"));
  properties["finetune"] = params_schema(specs("finetune"));
  properties["phases"] = list_of(params_schema(specs("phases")));
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "dltool config"}};
  schema.update(root);
  schema["$defs"] = {{"expression", {{"type", "string"}, {"pattern", "\\$"}}},
                     {"layers", layers_schema(parts.layers)}};
  return schema.dump(2) + "\n";
}

}  // namespace dl
