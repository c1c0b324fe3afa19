#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/config_node.h"
#include "core/error.h"
#include "core/text.h"

namespace dl {

/// What counts or measures something is at most this, unless its row says otherwise: small enough
/// that a few such numbers can be multiplied, and that oneDNN's 32-bit sizes hold it.
constexpr double kMaxCount = 2147483647;

/// The values that a number, or each number of a list, may take.
struct Limits {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool min_open = false;
  bool max_open = false;

  bool contains(double value) const;
  /// "at least 1", "above 0 and at most 1", "" when everything is allowed.
  std::string text() const;
  /// The same for whole numbers, which all have an end.
  Limits of_counts() const;
};
Limits any_value();
/// At least 0, up to the largest int: no size, so that nothing is multiplied by it.
Limits seed_limits();
Limits at_least(double min);
Limits above(double min);
Limits between(double min, double max);        // both ends allowed
Limits from_to_below(double min, double max);  // min <= x < max
Limits above_to(double min, double max);       // min < x <= max

/// Everything that a reader, the manual and the JSON schema may want to know about one key.
struct ParamSpec {
  std::string name;
  std::string type;  // "int", "float", "bool", "string", "int or list of int", "a|b|c", "map"
  std::string doc;
  std::string default_text = {};  // YAML; empty when required or when "none" is the default
  bool required = false;
  Limits limits = {};
  std::vector<ParamSpec> nested = {};    // the keys of a map
  std::vector<std::string> others = {};  // what other tools call it
};
/// The names of keys, and what else they are called, for did_you_mean().
std::vector<Word> words_of(std::span<const ParamSpec> specs);

/// A size per spatial axis: `3` for all axes, or `[3, 5]`.
struct Spatial {
  std::vector<std::int64_t> sizes;

  Spatial() = default;
  Spatial(std::int64_t all) : sizes{all} {}
  bool empty() const { return sizes.empty(); }
  /// One size for each of `rank` axes. Throws ShapeError naming `key` when there is another number
  /// of them.
  std::vector<std::int64_t> expand(std::size_t rank, std::string_view key) const;
};

/// Words of an enum as users write them. Specialise with `static constexpr
/// std::pair<std::string_view, E> words[]`.
template <class E>
struct EnumWords;
template <class E>
concept WordEnum = std::is_enum_v<E> && requires {
  EnumWords<E>::words;
};

// How one type is named, read and printed. read() throws UserError at the node's position. Whole
// numbers, and lists of them, have a type `Whole`.
template <class T>
struct ValueType;
template <class T>
concept WholeNumbers = requires {
  typename ValueType<T>::Whole;
};
template <>
struct ValueType<bool> {
  static std::string name() { return "bool"; }
  static bool read(const ConfigNode&, const Limits&);
  static std::string text(bool value) { return value ? "true" : "false"; }
};
template <>
struct ValueType<std::int64_t> {
  using Whole = std::int64_t;
  static std::string name() { return "int"; }
  static std::int64_t read(const ConfigNode&, const Limits&);
  static std::string text(std::int64_t value) { return std::to_string(value); }
};
template <>
struct ValueType<int> {
  using Whole = int;
  static std::string name() { return "int"; }
  static int read(const ConfigNode&, const Limits&);
  static std::string text(int value) { return std::to_string(value); }
};
template <>
struct ValueType<double> {
  static std::string name() { return "float"; }
  static double read(const ConfigNode&, const Limits&);
  static std::string text(double value) { return number_text(value); }
};
template <>
struct ValueType<float> {
  static std::string name() { return "float"; }
  static float read(const ConfigNode&, const Limits&);
  static std::string text(float value) { return number_text(value); }
};
template <>
struct ValueType<std::string> {
  static std::string name() { return "string"; }
  static std::string read(const ConfigNode&, const Limits&);
  static std::string text(const std::string& value) { return value.empty() ? "''" : value; }
};
template <>
struct ValueType<Spatial> {
  using Whole = Spatial;
  static std::string name() { return "int or list of int"; }
  static Spatial read(const ConfigNode&, const Limits&);
  static std::string text(const Spatial& value);
};
template <class T>
struct WholeLike {};
template <WholeNumbers T>
struct WholeLike<T> {
  using Whole = T;
};
template <class T>
struct ValueType<std::vector<T>> : WholeLike<T> {
  static std::string name() { return "list of " + ValueType<T>::name(); }
  static std::vector<T> read(const ConfigNode& node, const Limits& limits) {
    if (!node.is_list())
      throw UserError(node.mark(), "expected a " + name() + ", found " + node.describe());
    std::vector<T> values;
    for (const ConfigNode& item : node.items()) values.push_back(ValueType<T>::read(item, limits));
    return values;
  }
  static std::string text(const std::vector<T>& values) {
    std::vector<std::string> parts;
    for (const T& value : values) parts.push_back(ValueType<T>::text(value));
    return "[" + join(parts, ", ") + "]";
  }
};
template <class T>
struct ValueType<std::optional<T>> : WholeLike<T> {  // no default text: "none" is said in the doc
  static std::string name() { return ValueType<T>::name(); }
  static std::optional<T> read(const ConfigNode& node, const Limits& limits) {
    return ValueType<T>::read(node, limits);
  }
  static std::string text(const std::optional<T>& value) {
    return value ? ValueType<T>::text(*value) : "";
  }
};
/// One of a few words. Throws with the nearest word when the node is none of `words`; returns its
/// index.
std::size_t read_word(const ConfigNode& node, std::span<const std::string> words);
template <WordEnum E>
struct ValueType<E> {
  static std::vector<std::string> words() {
    std::vector<std::string> all;
    for (const auto& [word, value] : EnumWords<E>::words) all.emplace_back(word);
    return all;
  }
  static std::string name() { return join(words(), "|"); }
  static E read(const ConfigNode& node, const Limits&) {
    return EnumWords<E>::words[read_word(node, words())].second;
  }
  static std::string text(E value) {
    for (const auto& [word, candidate] : EnumWords<E>::words)
      if (candidate == value) return std::string(word);
    return "?";
  }
};
/// The node itself, for keys whose meaning another part knows (lists of typed entries).
template <>
struct ValueType<ConfigNode> {
  static std::string name() { return "node"; }
  static ConfigNode read(const ConfigNode& node, const Limits&) { return node; }
  static std::string text(const ConfigNode&) { return ""; }
};

/// A key of P: what the manual says of it, and how it is read into its field.
template <class P>
struct Param {
  ParamSpec spec;
  std::function<void(P&, const ConfigNode&)> read;

  /// Names that other tools have for it: whoever writes one of them is told ours.
  Param also(std::vector<std::string> others) && {
    spec.others = std::move(others);
    return std::move(*this);
  }
};
template <class P>
using ParamTable = std::vector<Param<P>>;

template <class P, class T>
Param<P> param_row(std::string_view name, T P::*field, Limits limits, std::string_view doc,
                   std::string default_text, bool needed) {
  if constexpr (WholeNumbers<T>) limits = limits.of_counts();
  ParamSpec spec{std::string(name),
                 ValueType<T>::name(),
                 std::string(doc),
                 std::move(default_text),
                 needed,
                 limits};
  return {std::move(spec), [=](P& params, const ConfigNode& node) {
            params.*field = ValueType<T>::read(node, limits);
          }};
}
/// The default is the field's initialiser, so it is written once.
template <class P, class T>
Param<P> with_default(std::string_view name, T P::*field, Limits limits, std::string_view doc) {
  return param_row(name, field, limits, doc, ValueType<T>::text(P{}.*field), false);
}
template <class P, class T>
Param<P> with_default(std::string_view name, T P::*field, std::string_view doc) {
  return with_default(name, field, any_value(), doc);
}
template <class P, class T>
Param<P> required(std::string_view name, T P::*field, Limits limits, std::string_view doc) {
  return param_row(name, field, limits, doc, "", true);
}
template <class P, class T>
Param<P> required(std::string_view name, T P::*field, std::string_view doc) {
  return required(name, field, any_value(), doc);
}

/// What the manual prints for a whole table.
template <class P>
std::vector<ParamSpec> specs_of(const ParamTable<P>& table) {
  std::vector<ParamSpec> specs;
  for (const Param<P>& param : table) specs.push_back(param.spec);
  return specs;
}

/// Reports keys of `map` that `specs` does not know, and required ones that are missing.
void check_keys(const ConfigNode& map, std::span<const ParamSpec> specs, Problems& problems);

/// Reads a map by its table. All that is wrong with it is thrown as one UserError; a null node is
/// an empty map.
template <class P>
P read_params(const ConfigNode& map, const ParamTable<P>& table) {
  P params;
  Problems problems;
  check_keys(map, specs_of(table), problems);
  for (const Param<P>& param : table) {
    const ConfigNode* node = map.find(param.spec.name);
    if (!node) continue;
    try {
      param.read(params, *node);
    } catch (const UserError& error) {
      // "out_channels is 0, must be ...": the key stands before what its reader says.
      problems.add(error, error.diagnostics().size() == 1 || !param.spec.nested.empty()
                              ? param.spec.name + ": "
                              : "");
    }
  }
  problems.throw_if_any();
  return params;
}

/// A map under one key, with a table of its own: `clip: {norm: 5}`.
template <class P, class S>
Param<P> section(std::string_view name, S P::*field, ParamTable<S> table, std::string_view doc) {
  ParamSpec spec{std::string(name), "map", std::string(doc), "", false, {}, specs_of(table)};
  return {std::move(spec), [=, table = std::move(table)](P& params, const ConfigNode& node) {
            params.*field = read_params(node, table);
          }};
}
template <class P, class S>
Param<P> section(std::string_view name, std::optional<S> P::*field, ParamTable<S> table,
                 std::string_view doc) {
  ParamSpec spec{std::string(name), "map", std::string(doc), "", false, {}, specs_of(table)};
  return {std::move(spec), [=, table = std::move(table)](P& params, const ConfigNode& node) {
            params.*field = read_params(node, table);
          }};
}

/// One row of a registry of things that are chosen by type (`sgd: {...}`): optimizers, schedules,
/// data formats, transforms, initialisers. `make` gets the parameters' map and throws UserError
/// with positions.
template <class Made>
struct Kind {
  std::string_view name, summary;
  std::vector<ParamSpec> params;
  std::function<Made(const ConfigNode& params)> make;
  std::vector<std::string> others = {};

  /// Names that other tools have for it: whoever writes one of them is told ours.
  Kind also(std::vector<std::string> words) && {
    others = std::move(words);
    return std::move(*this);
  }
};

template <class K>
std::vector<Word> words_of(std::span<const K> kinds) {
  std::vector<Word> words;
  for (const K& kind : kinds) words.emplace_back(kind.name, kind.others);
  return words;
}

/// The kind called `type`; throws UserError at `mark`: "unknown optimizer 'sdg'; did you mean
/// 'sgd'?"
template <class K>
const K& find_kind(std::span<const K> kinds, std::string_view type, const Mark& mark,
                   std::string_view what) {
  for (const K& kind : kinds)
    if (kind.name == type) return kind;
  throw UserError(mark, "unknown " + std::string(what) + " '" + std::string(type) + "'" +
                            did_you_mean(type, words_of(kinds)));
}

}  // namespace dl
