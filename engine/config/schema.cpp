#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "engine/config/reference.h"
#include "engine/config/run_config.h"

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

/// A null takes an inherited key away, where a section is merged with one that it extends.
enum class Nulls { refused, allowed };

Json map_schema(std::span<const ParamSpec> specs, Nulls nulls);

/// The choices that a type's name in a ParamSpec stands for.
void add_choices(const std::string& type, const ParamSpec& spec, Nulls nulls,
                 std::vector<Json>& choices) {
  const std::size_t alternative = type.find(" or ");
  if (alternative != std::string::npos) {
    add_choices(type.substr(0, alternative), spec, nulls, choices);
    add_choices(type.substr(alternative + 4), spec, nulls, choices);
  } else if (type.starts_with("list of ")) {
    std::vector<Json> items;
    add_choices(type.substr(8), spec, Nulls::refused, items);
    items.push_back(expression_ref());
    choices.push_back({{"type", "array"}, {"items", any_of(std::move(items))}});
  } else if (type == "int" || type == "float") {
    choices.push_back(limited({{"type", type == "int" ? "integer" : "number"}}, spec.limits));
  } else if (type == "bool" || type == "string" || type == "path") {
    choices.push_back({{"type", type == "bool" ? "boolean" : "string"}});
  } else if (type == "initialiser") {
    choices.push_back({{"$ref", "#/$defs/initializer"}});
  } else if (type == "map" && !spec.nested.empty()) {
    choices.push_back(map_schema(spec.nested, nulls));
  } else if (type == "node" || type == "map" || type == "list" ||
             type.find(':') != std::string::npos) {
    choices.push_back(Json::object());
  } else {
    choices.push_back({{"enum", split(type, '|')}});
  }
}

Json value_schema(const ParamSpec& spec, Nulls nulls = Nulls::refused) {
  std::vector<Json> choices;
  add_choices(spec.type, spec, nulls, choices);
  const bool anything = choices.size() == 1 && choices[0].empty();
  const bool object = choices.size() == 1 && choices[0].contains("properties");
  if (!anything && !object) choices.push_back(expression_ref());
  if (!anything && nulls == Nulls::allowed) choices.push_back({{"type", "null"}});
  Json schema = any_of(std::move(choices));
  schema["description"] = spec.doc;
  return schema;
}

std::vector<std::string> required_of(std::span<const ParamSpec> specs) {
  std::vector<std::string> names;
  for (const ParamSpec& spec : specs) {
    if (spec.required) names.push_back(spec.name);
  }
  return names;
}

/// What may be merged can leave out what it inherits.
Json map_schema(std::span<const ParamSpec> specs, Nulls nulls) {
  Json properties = Json::object();
  for (const ParamSpec& spec : specs) properties[spec.name] = value_schema(spec, nulls);
  Json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  const std::vector<std::string> required = required_of(specs);
  if (nulls == Nulls::refused && !required.empty()) schema["required"] = required;
  return schema;
}

/// The keys of a kind and those that all kinds of its sort take.
std::vector<ParamSpec> with_common(std::vector<ParamSpec> specs,
                                   std::span<const ParamSpec> common) {
  for (const ParamSpec& spec : common) {
    if (std::ranges::find(specs, spec.name, &ParamSpec::name) == specs.end()) specs.push_back(spec);
  }
  return specs;
}

/// What stands under a type: its keys, or nothing where there need be none.
Json kind_schema(const DocEntry& kind, std::span<const ParamSpec> common, Nulls nulls) {
  Json map = map_schema(with_common(kind.params, common), nulls);
  const bool empty = nulls == Nulls::allowed || required_of(kind.params).empty();
  if (empty) map["type"] = {"object", "null"};
  map["description"] = kind.summary;
  return map;
}

/// The kinds that may be named alone.
Json names_schema(std::span<const DocEntry> kinds, Nulls nulls) {
  std::vector<std::string> names;
  for (const DocEntry& kind : kinds) {
    if (nulls == Nulls::allowed || required_of(kind.params).empty()) names.push_back(kind.name);
  }
  return {{"enum", names}};
}

/// `sgd`, or `sgd: {...}` with its keys; `common` are keys that every kind takes.
Json kinds_schema(std::span<const DocEntry> kinds, Nulls nulls,
                  std::span<const ParamSpec> common = {}) {
  if (kinds.empty()) return Json::object();
  Json properties = Json::object();
  for (const DocEntry& kind : kinds) properties[kind.name] = kind_schema(kind, common, nulls);
  Json choice = {{"type", "object"},
                 {"properties", properties},
                 {"additionalProperties", false},
                 {"minProperties", 1},
                 {"maxProperties", 1}};
  Json schema = {{"anyOf", {names_schema(kinds, nulls), choice}}};
  if (nulls == Nulls::allowed) schema["anyOf"].push_back({{"type", "null"}});
  return schema;
}

/// That of each kind which needs some the keys are there; for a config that inherits nothing.
Json needed_keys(std::span<const DocEntry> kinds) {
  Json properties = Json::object();
  for (const DocEntry& kind : kinds) {
    const std::vector<std::string> required = required_of(kind.params);
    if (!required.empty()) properties[kind.name] = {{"required", required}};
  }
  return {{"properties", properties}};
}

ParamSpec spec_of(const char* name, const char* type, const char* doc) { return {name, type, doc}; }

Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

/// A name of a layer, whatever its letters' case, with or without its dashes, and with PyTorch's
/// number of axes: Conv2d, batchnorm, MaxPool1d.
std::string spellings(std::span<const std::string> names) {
  std::string pattern;
  for (const std::string& name : names) {
    if (!pattern.empty()) pattern += '|';
    for (const char c : name) {
      if (c >= 'a' && c <= 'z')
        pattern += {'[', c, static_cast<char>(c - 'a' + 'A'), ']'};
      else
        pattern += c == '_' ? "_?" : std::string(1, c);
    }
  }
  return "^(" + pattern + ")_?([1-3][dD])?$";
}

/// What an entry of `layers` can be. Where a file has blocks of its own, or inherits some, an entry
/// may have another type, for no schema can look up which there are; but none that is a layer's
/// name spelled in another way.
Json layers_schema(std::span<const DocEntry> layers, std::span<const DocEntry> losses,
                   bool has_blocks) {
  const std::vector<ParamSpec> links = {
      spec_of("name", "string", "the layer's name, which its weights bear"),
      spec_of("from", "string or list of string", "what it follows; the entry above unless said")};
  const std::vector<std::string> group = {"repeat", "as", "if", "name", "from", "layers"};
  Json properties = Json::object();
  std::vector<std::string> known, all = group;
  for (const DocEntry& layer : layers) {
    properties[layer.name] = {{"$ref", "#/$defs/layer/" + layer.name}};
    known.push_back(layer.name);
  }
  for (const ParamSpec& link : links) properties[link.name] = value_schema(link);
  properties["repeat"] = value_schema(
      spec_of("repeat", "int", "how often the layers below stand one after the other"));
  properties["as"] = {{"type", "string"}, {"description", "the index's name; i unless said"}};
  properties["if"] = value_schema(spec_of("if", "bool", "whether the layers below are there"));
  properties["layers"] = {{"$ref", has_blocks ? "#/$defs/layers_and_blocks" : "#/$defs/layers"}};
  const auto has = [](const char* key) { return Json{{"required", {key}}}; };
  Json entry = {{"type", "object"},
                {"properties", properties},
                {"additionalProperties", false},
                {"minProperties", 1},
                {"if", {{"anyOf", {has("repeat"), has("if"), has("layers")}}}},
                {"then", {{"propertyNames", {{"enum", group}}}, {"required", {"layers"}}}},
                {"else", {{"maxProperties", 1}, {"propertyNames", {{"not", {{"enum", group}}}}}}}};
  Json name = names_schema(layers, Nulls::refused);
  if (has_blocks) {
    std::vector<std::string> taken = known;
    for (const DocEntry& loss : losses) taken.push_back(loss.name);
    const Json block = {{"pattern", "^[A-Za-z0-9_-]+$"}, {"not", {{"pattern", spellings(taken)}}}};
    all.insert(all.end(), known.begin(), known.end());
    entry["additionalProperties"] = {{"type", {"object", "null"}}};
    entry["propertyNames"] = {{"anyOf", {Json{{"enum", all}}, block}}};
    name = {{"type", "string"}, {"anyOf", {name, block}}};
  }
  return list_of({{"anyOf", {name, entry}}});
}

Json definitions(const SchemaParts& parts) {
  const std::vector<ParamSpec> links = {
      spec_of("name", "string", "the layer's name, which its weights bear"),
      spec_of("from", "string or list of string", "what it follows; the entry above unless said")};
  Json layer = Json::object();
  for (const DocEntry& kind : parts.layers)
    layer[kind.name] = kind_schema(kind, links, Nulls::refused);
  return {{"expression", {{"type", "string"}, {"pattern", "\\$"}}},
          {"initializer", kinds_schema(parts.initializers, Nulls::refused)},
          {"layer", layer},
          {"layers", layers_schema(parts.layers, parts.losses, false)},
          {"layers_and_blocks", layers_schema(parts.layers, parts.losses, true)}};
}

std::vector<ParamSpec> section_specs(const std::string& path) {
  for (const SectionDoc& section : config_sections())
    if (section.path == path) return section.params;
  return {};
}

Json section_schema(const std::string& path) {
  Json schema = map_schema(section_specs(path), Nulls::allowed);
  schema["type"] = {"object", "null"};
  return schema;
}

Json blocks_schema() {
  const Json block = {
      {"type", "object"},
      {"properties",
       {{"params", {{"type", "object"}}}, {"layers", {{"$ref", "#/$defs/layers_and_blocks"}}}}},
      {"additionalProperties", false}};
  return {{"type", {"object", "null"}}, {"additionalProperties", block}};
}

Json data_schema(const SchemaParts& parts) {
  Json data = section_schema("data");
  data["properties"]["source"] = kinds_schema(parts.sources, Nulls::allowed);
  Json transforms = data["properties"]["transforms"];
  for (Json& choice : transforms["anyOf"]) {
    for (const char* when : {"train", "eval"}) {
      if (choice.contains("properties"))
        choice["properties"][when] = {
            {"anyOf",
             {list_of(kinds_schema(parts.transforms, Nulls::refused)), {{"type", "null"}}}}};
    }
  }
  data["properties"]["transforms"] = std::move(transforms);
  return data;
}

Json schedule_schema(const SchemaParts& parts) {
  Json schedule = kinds_schema(parts.schedules, Nulls::allowed);
  if (!schedule.contains("anyOf")) return schedule;
  Json& choice = schedule["anyOf"][1];
  choice["properties"]["warmup"] = {{"type", {"object", "null"}},
                                    {"description", "a rise of the learning rate at the start"}};
  choice["maxProperties"] = 2;
  return schedule;
}

/// What depends on whether a config has blocks, and on whether it is whole and inherits nothing.
void add_conditions(const SchemaParts& parts, Json& schema) {
  const auto has = [](const char* key) { return Json{{"required", {key}}}; };
  const auto layers = [](const char* which) {
    return Json{{"properties", {{"model", {{"properties", {{"layers", {{"$ref", which}}}}}}}}}};
  };
  const Json blocks = {{"if", {{"anyOf", {has("blocks"), has("extends")}}}},
                       {"then", layers("#/$defs/layers_and_blocks")},
                       {"else", layers("#/$defs/layers")}};
  const Json whole = {
      {"if", {{"required", {"model", "loss", "optimizer", "train"}}, {"not", has("extends")}}},
      {"then",
       {{"properties",
         {{"data", {{"properties", {{"source", needed_keys(parts.sources)}}}}},
          {"loss", needed_keys(parts.losses)},
          {"optimizer", needed_keys(parts.optimizers)},
          {"schedule", needed_keys(parts.schedules)}}}}}};
  schema["allOf"] = {blocks, whole};
}

}  // namespace

Json params_schema(std::span<const ParamSpec> specs) { return map_schema(specs, Nulls::refused); }

std::string config_schema(const SchemaParts& parts) {
  Json root = map_schema(section_specs(""), Nulls::allowed);
  Json& properties = root["properties"];
  properties["extends"] = value_schema(spec_of("extends", "string or list of string",
                                               "a config, or several, that this one is put over"));
  properties["vars"] = {{"type", {"object", "null"}}};
  properties["blocks"] = blocks_schema();
  properties["data"] = data_schema(parts);
  properties["model"] = section_schema("model");
  const std::vector<ParamSpec> links = section_specs("loss");
  properties["loss"] = kinds_schema(parts.losses, Nulls::allowed, links);
  if (properties["loss"].contains("anyOf"))
    properties["loss"]["anyOf"].push_back(
        list_of(kinds_schema(parts.losses, Nulls::refused, links)));
  properties["optimizer"] = kinds_schema(parts.optimizers, Nulls::allowed);
  properties["schedule"] = schedule_schema(parts);
  for (const char* section : {"train", "diagnostics", "finetune"})
    properties[section] = section_schema(section);
  properties["phases"] = {
      {"anyOf", {list_of(params_schema(section_specs("phases"))), {{"type", "null"}}}}};
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "dltool config"}};
  schema.update(root);
  add_conditions(parts, schema);
  schema["$defs"] = definitions(parts);
  return schema.dump(2) + "\n";
}

}  // namespace dl
