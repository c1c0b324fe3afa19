#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/source.h"

namespace dl {

/// A YAML value with its position: what the reader hands to everybody else. Immutable by convention
/// once expansion is done; copies are cheap enough for configs (at most 100,000 nodes).
class ConfigNode {
 public:
  enum class Kind { null, scalar, list, map };
  struct Entry;

  ConfigNode() = default;
  static ConfigNode scalar(std::string text, Mark mark, bool quoted = false);
  static ConfigNode list(std::vector<ConfigNode> items, Mark mark);
  static ConfigNode map(std::vector<Entry> entries, Mark mark);
  static ConfigNode null(Mark mark);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_scalar() const { return kind_ == Kind::scalar; }
  bool is_list() const { return kind_ == Kind::list; }
  bool is_map() const { return kind_ == Kind::map; }

  const Mark& mark() const { return mark_; }
  /// The text of a scalar. A quoted scalar is always a string, never a number or a boolean.
  const std::string& text() const { return text_; }
  bool quoted() const { return quoted_; }
  const std::vector<ConfigNode>& items() const { return items_; }
  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<ConfigNode>& items() { return items_; }
  std::vector<Entry>& entries() { return entries_; }

  /// The value of `key` in a map; nullptr when this is no map or has no such key.
  const ConfigNode* find(std::string_view key) const;
  const Entry* find_entry(std::string_view key) const;
  ConfigNode* find(std::string_view key);

  /// "a map", "a list", "'3.5'", "nothing": for messages that say what was found.
  std::string describe() const;

 private:
  Kind kind_ = Kind::null;
  std::string text_;
  bool quoted_ = false;
  std::vector<ConfigNode> items_;
  std::vector<Entry> entries_;
  Mark mark_;
};

struct ConfigNode::Entry {
  std::string key;
  Mark key_mark;
  ConfigNode value;
};

/// `sgd: {lr: 0.1}`, or `sgd` alone: the type is the key. Throws UserError naming `what` ("an
/// optimizer") when the node is neither a name nor a map of one entry.
struct TypedNode {
  std::string type;
  Mark type_mark;
  ConfigNode params;  // a map; empty for a name alone
};
TypedNode read_typed(const ConfigNode& node, std::string_view what);

}  // namespace dl
