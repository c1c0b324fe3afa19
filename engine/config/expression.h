#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/config_node.h"
#include "engine/config/expression_parser.h"
#include "engine/config/findings.h"

namespace dl {

/// The names that an expression may use, innermost first.
struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string, Value, std::less<>> values = {};
  /// Vars whose own expressions failed: what uses them fails without a further word.
  std::set<std::string, std::less<>> broken = {};
  /// Vars that are further down than what is computed now.
  std::set<std::string, std::less<>> pending = {};
  /// Answers "data.classes" and the like; looked for from the innermost scope outwards.
  std::function<Value(const std::string& name, const Mark& mark)> data = {};

  const Value* find(std::string_view name) const;
  std::vector<std::string> names() const;
};

/// What an expansion may grow to, however its vars and repeats multiply.
struct Budget {
  std::size_t nodes = 1'000'000;
  std::size_t bytes = 64u << 20;

  /// For one node without what it holds. Throws UserError at `where` when nothing is left.
  void take(const ConfigNode& node, const Mark& where);
  void take_all(const ConfigNode& node, const Mark& where);
};

/// Replaces `$name` and `$(expression)` in every scalar of the tree. A scalar that is one
/// expression takes its type; within a text the value is put in, and `$$` is a dollar. What cannot
/// be computed goes to `findings`, with its place inside the scalar, and leaves a null.
ConfigNode expand(const ConfigNode& node, const Scope& scope, Budget& budget, Findings& findings);

/// A name in an expression, and where it stands.
struct NameUse {
  std::string name;
  Mark mark;
};
/// The names that a scalar's expressions use. Throws UserError when one of them cannot be read.
std::vector<NameUse> names_used(const ConfigNode& scalar);

/// The value of a node without expressions: `3` is an int, `'3'` a text.
Value value_of(const ConfigNode& node);
ConfigNode node_of(const Value& value, const Mark& mark);

/// "unknown name 'widht'; did you mean 'width'?", with what there is when nothing is near.
std::string unknown_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace dl
