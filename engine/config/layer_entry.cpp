#include "engine/config/layer_entry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace dl {
namespace {

constexpr std::array<std::string_view, 6> kEntryWords = {"repeat", "as",   "if",
                                                         "name",   "from", "layers"};

bool is_name_part(const std::string& text) {
  const auto good = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

/// `- repeat: ...`, `- if: ...`, or `- name: ...` with `layers` below it.
LayerEntry read_group(const ConfigNode& node) {
  LayerEntry entry;
  const ConfigNode::Entry* repeat = node.find_entry("repeat");
  const ConfigNode::Entry* condition = node.find_entry("if");
  if (repeat && condition) {
    throw UserError(condition->key_mark, "an entry is either a repeat or an if",
                    "put the one into the layers of the other");
  }
  const ConfigNode::Entry* head = repeat      ? repeat
                                  : condition ? condition
                                              : node.find_entry("layers");
  entry.kind = repeat      ? LayerEntry::Kind::repeat
               : condition ? LayerEntry::Kind::condition
                           : LayerEntry::Kind::group;
  entry.mark = head->key_mark;
  std::vector<std::string> known = {"name", "from", "layers"};
  if (repeat) known.insert(known.end(), {"repeat", "as"});
  if (condition) known.push_back("if");
  const std::string what = repeat ? "a repeat" : condition ? "an if" : "a group of layers";
  for (const ConfigNode::Entry& part : node.entries()) {
    if (std::find(known.begin(), known.end(), part.key) == known.end()) {
      throw UserError(part.key_mark,
                      "unknown key '" + part.key + "' of " + what + did_you_mean(part.key, known));
    }
  }
  entry.value = head->key == "layers" ? nullptr : &head->value;
  entry.name = node.find("name");
  entry.from = node.find("from");
  entry.as = node.find("as");
  entry.layers = node.find("layers");
  if (!entry.layers) throw UserError(entry.mark, what + " needs 'layers'");
  if (!entry.layers->is_list())
    throw UserError(entry.layers->mark(),
                    "layers: expected a list, found " + entry.layers->describe());
  if (entry.kind == LayerEntry::Kind::group && !entry.name)
    throw UserError(entry.mark, what + " needs a 'name'");
  return entry;
}

[[noreturn]] void refuse_several_keys(const ConfigNode& node) {
  const ConfigNode::Entry& first = node.entries()[0];
  const ConfigNode::Entry& second = node.entries()[1];
  for (const ConfigNode::Entry& entry : node.entries()) {
    if (entry.key != "name" && entry.key != "from") continue;
    const std::string& type = &entry == &first ? second.key : first.key;
    throw UserError(entry.key_mark, "'" + entry.key + "' belongs under '" + type + "'",
                    "write - " + type + ": {" + entry.key + ": ...}");
  }
  const std::string hint = first.value.is_null()
                               ? "indent what belongs to '" + first.key + "' further than it"
                               : "begin each entry with its own '-'";
  throw UserError(second.key_mark,
                  "an entry has one type, found '" + first.key + "' and '" + second.key + "'",
                  hint);
}

}  // namespace

LayerEntry read_layer_entry(const ConfigNode& node) {
  LayerEntry entry;
  if (node.is_scalar()) {
    entry.type = node.text();
    entry.mark = node.mark();
  } else if (!node.is_map() || node.entries().empty()) {
    throw UserError(node.mark(),
                    "expected a layer, a block, a repeat or an if, found " + node.describe());
  } else if (node.find("repeat") || node.find("if") || node.find("layers")) {
    return read_group(node);
  } else {
    if (node.entries().size() > 1) refuse_several_keys(node);
    const ConfigNode::Entry& typed = node.entries()[0];
    entry.type = typed.key;
    entry.mark = typed.key_mark;
    if (!typed.value.is_map() && !typed.value.is_null()) {
      throw UserError(typed.value.mark(), "expected the parameters of '" + typed.key +
                                              "' as a map, found " + typed.value.describe());
    }
    entry.params = &typed.value;
    entry.name = typed.value.find("name");
    entry.from = typed.value.find("from");
  }
  if (entry.type.find('$') != std::string::npos) {
    throw UserError(entry.mark, "the type of a layer is a word, not an expression",
                    "activation: {fn: $act} chooses an activation by a var");
  }
  if (!is_name_part(entry.type))
    throw UserError(entry.mark, "'" + entry.type + "' is no layer or block");
  return entry;
}

bool is_entry_word(std::string_view word) {
  return word == "input" ||
         std::find(kEntryWords.begin(), kEntryWords.end(), word) != kEntryWords.end();
}

void check_layer_name(const std::string& name, const Mark& mark) {
  if (name == "input" || name == "data" || name.starts_with("data.")) {
    throw UserError(
        mark, "no layer can be called '" + name + "': the word stands for what the model is given");
  }
  check_name(name, mark);
}

void check_name(const std::string& name, const Mark& mark) {
  for (const std::string& part : split(name, '.')) {
    if (!is_name_part(part))
      throw UserError(
          mark, "'" + name + "' is no name: letters, digits, _ and - in parts joined by dots");
  }
}

}  // namespace dl
