#include "core/config_node.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace dl {

ConfigNode ConfigNode::scalar(std::string text, Mark mark, bool quoted) {
  ConfigNode node;
  node.kind_ = Kind::scalar;
  node.text_ = std::move(text);
  node.quoted_ = quoted;
  node.mark_ = std::move(mark);
  return node;
}

ConfigNode ConfigNode::list(std::vector<ConfigNode> items, Mark mark) {
  ConfigNode node;
  node.kind_ = Kind::list;
  node.items_ = std::move(items);
  node.mark_ = std::move(mark);
  return node;
}

ConfigNode ConfigNode::map(std::vector<Entry> entries, Mark mark) {
  ConfigNode node;
  node.kind_ = Kind::map;
  node.entries_ = std::move(entries);
  node.mark_ = std::move(mark);
  return node;
}

ConfigNode ConfigNode::null(Mark mark) {
  ConfigNode node;
  node.mark_ = std::move(mark);
  return node;
}

const ConfigNode::Entry* ConfigNode::find_entry(std::string_view key) const {
  const auto at =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  return at == entries_.end() ? nullptr : &*at;
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  const Entry* entry = find_entry(key);
  return entry ? &entry->value : nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) {
  return const_cast<ConfigNode*>(std::as_const(*this).find(key));
}

std::string ConfigNode::describe() const {
  switch (kind_) {
    case Kind::null:
      return "nothing";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::scalar:
      break;
  }
  constexpr std::size_t kShown = 40;
  const std::string shown = text_.size() > kShown ? text_.substr(0, kShown) + "..." : text_;
  return quoted_ ? "the text '" + shown + "'" : "'" + shown + "'";
}

namespace {

/// Of a map in which a type has no value and its parameters stand beside it.
std::string indent_hint(const ConfigNode& node) {
  if (!node.is_map() || node.entries().size() < 2 || !node.entries()[0].value.is_null()) return {};
  return "indent '" + node.entries()[1].key + "' further than '" + node.entries()[0].key +
         "', to which it belongs";
}

}  // namespace

TypedNode read_typed(const ConfigNode& node, std::string_view what) {
  if (node.is_scalar()) return {node.text(), node.mark(), ConfigNode::map({}, node.mark())};
  if (!node.is_map() || node.entries().size() != 1) {
    throw UserError(
        node.mark(),
        "expected " + std::string(what) + " as 'type' or 'type: {...}', found " +
            (node.is_map() ? "a map of " + std::to_string(node.entries().size()) + " keys"
                           : node.describe()),
        indent_hint(node));
  }
  const ConfigNode::Entry& entry = node.entries()[0];
  ConfigNode params = entry.value.is_null() ? ConfigNode::map({}, entry.key_mark) : entry.value;
  if (!params.is_map()) {
    throw UserError(
        params.mark(),
        "expected the parameters of '" + entry.key + "' as a map, found " + params.describe(),
        "'" + entry.key + "' stands where a type is expected; if it is a parameter, write " +
            "TYPE: {" + entry.key + ": ...}");
  }
  return {entry.key, entry.key_mark, std::move(params)};
}

}  // namespace dl
