#pragma once

#include <memory>
#include <string>

#include "core/config_node.h"
#include "core/error.h"
#include "engine/config/yaml_file.h"

namespace dl::test {

/// The tree of a text that stands in a file called "c.yaml".
inline ConfigNode yaml(const std::string& text) {
  Problems problems;
  ConfigNode node = parse_yaml(std::make_shared<SourceFile>("c.yaml", text), problems);
  problems.throw_if_any();
  return node;
}

/// The message that `act` ends with; "" when it succeeds.
template <class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// What make() of the kind that `text` names returns: "sgd: {lr: 0.1}".
template <class Kinds>
auto make_kind(const Kinds& kinds, const ConfigNode& node) {
  const TypedNode typed = read_typed(node, "a type");
  return find_kind<typename Kinds::value_type>(kinds, typed.type, typed.type_mark, "kind")
      .make(typed.params);
}

/// Whether the number that stands as default in the manual is one that may be written.
inline bool default_in_range(const ParamSpec& spec) {
  const auto number = parse_double(spec.default_text);
  return !number || spec.limits.contains(*number);
}

}  // namespace dl::test
