#include "engine/config/data_facts.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "core/params.h"
#include "core/sha256.h"
#include "core/text.h"
#include "engine/config/yaml_file.h"

namespace dl {
namespace {

using nlohmann::json;

constexpr std::string_view kKey = "facts";
// A source with less than this is kept in the config whole; of others every list longer than
// kShortList moves.
constexpr std::size_t kMostValues = 20'000, kMostBytes = 1'000'000;
constexpr std::size_t kShortList = 100;

std::size_t count_bytes(const ConfigNode& node) {
  std::size_t count = node.text().size();
  for (const ConfigNode& item : node.items()) count += count_bytes(item);
  for (const ConfigNode::Entry& entry : node.entries())
    count += entry.key.size() + count_bytes(entry.value);
  return count;
}

/// Nothing but scalars, or lists of them.
bool is_plain_list(const ConfigNode& node) {
  return node.is_list() && std::ranges::all_of(node.items(), [](const ConfigNode& item) {
           return item.is_scalar() || is_plain_list(item);
         });
}

bool is_long(const ConfigNode& node) {
  return is_plain_list(node) && count_nodes(node) > kShortList;
}

/// A word without quotes may be a number or a text, as whoever reads it likes: where JSON has no
/// number of that spelling it is {"word": "007"}.
constexpr const char* kWord = "word";

void write_json(const ConfigNode& node, std::string& out) {
  if (node.is_scalar()) {
    const auto number = node.quoted() ? std::nullopt : parse_double(node.text());
    if (number && std::isfinite(*number) && number_text(*number) == node.text()) {
      out += node.text();
    } else {
      out += (node.quoted() ? json(node.text()) : json{{kWord, node.text()}}).dump();
    }
    return;
  }
  out += '[';
  for (std::size_t i = 0; i < node.items().size(); ++i) {
    if (i > 0) out += ',';
    write_json(node.items()[i], out);
  }
  out += ']';
}

ConfigNode node_of(const json& value, const Mark& mark) {
  if (value.is_string()) return ConfigNode::scalar(value.get<std::string>(), mark, true);
  if (value.is_number()) return ConfigNode::scalar(number_text(value.get<double>()), mark);
  if (value.is_object()) return ConfigNode::scalar(value.at(kWord).get<std::string>(), mark);
  if (!value.is_array()) throw UserError(mark, "facts: the file holds more than lists");
  std::vector<ConfigNode> items;
  for (const json& item : value) items.push_back(node_of(item, mark));
  return ConfigNode::list(std::move(items), mark);
}

/// The parameters of the source in a section `data`; null: there are none.
ConfigNode* params_of(ConfigNode* data) {
  ConfigNode* source = data ? data->find("source") : nullptr;
  if (!source || !source->is_map() || source->entries().size() != 1) return nullptr;
  ConfigNode& params = source->entries()[0].value;
  return params.is_map() ? &params : nullptr;
}

struct Reference {
  std::string file, sha256;
};
ParamTable<Reference> reference_table() {
  return {required("file", &Reference::file, "beside the config"),
          required("sha256", &Reference::sha256, "of the file")};
}

json read_facts(const Reference& reference, const Mark& mark) {
  const std::string path = parent_folder(mark.file->path()) + "/" + reference.file;
  const auto damaged = [&](const std::string& why) {
    return UserError(ExitCode::weights, path + ": " + why,
                     "the run's data_facts.json belongs to its config.resolved.yaml");
  };
  try {
    const std::string text = read_file(path, kMaxDataFactsBytes);
    if (sha256_hex(text) != reference.sha256) throw damaged("has changed since it was written");
    json facts = json::parse(text);
    if (!facts.is_object()) throw damaged("damaged: it holds no lists by name");
    return facts;
  } catch (const FileError& error) {
    throw damaged(error.what());
  } catch (const json::exception& error) {
    throw damaged(std::string("damaged: ") + error.what());
  }
}

}  // namespace

std::string take_data_facts(ConfigNode& resolved) {
  ConfigNode* params = params_of(resolved.find("data"));
  if (!params || (count_nodes(*params) <= kMostValues && count_bytes(*params) <= kMostBytes))
    return "";
  std::string out;
  for (const ConfigNode::Entry& entry : params->entries()) {
    if (!is_long(entry.value)) continue;
    out += (out.empty() ? "{\n" : ",\n") + json(entry.key).dump() + ": ";
    write_json(entry.value, out);
  }
  if (out.empty()) return "";
  out += "\n}\n";
  if (out.size() > kMaxDataFactsBytes) {
    throw UserError(ExitCode::data,
                    "what there is to keep of the data (columns, classes, tokens) "
                    "comes to " +
                        std::to_string(out.size()) + " bytes, more than " +
                        std::to_string(kMaxDataFactsBytes));
  }
  std::erase_if(params->entries(), [](const auto& entry) { return is_long(entry.value); });
  ConfigNode reference = ConfigNode::map({}, {});
  reference.entries() = {{"file", {}, ConfigNode::scalar(kDataFactsFile, {}, true)},
                         {"sha256", {}, ConfigNode::scalar(sha256_hex(out), {}, true)}};
  params->entries().push_back({std::string(kKey), {}, std::move(reference)});
  return out;
}

void put_data_facts(ConfigNode& data) {
  ConfigNode* params = params_of(&data);
  const ConfigNode* found = params ? params->find(kKey) : nullptr;
  if (!found) return;
  const Mark mark = found->mark();
  const json facts = read_facts(read_params(*found, reference_table()), mark);
  std::erase_if(params->entries(), [](const auto& entry) { return entry.key == kKey; });
  try {
    for (const auto& [key, value] : facts.items()) {
      if (!params->find(key)) params->entries().push_back({key, mark, node_of(value, mark)});
    }
  } catch (const json::exception& error) {
    throw UserError(mark, std::string("facts: the file is damaged: ") + error.what());
  }
}

}  // namespace dl
