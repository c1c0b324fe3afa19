#include "core/params.h"

#include <cmath>

namespace dl {
namespace {

[[noreturn]] void wrong_type(const ConfigNode& node, const std::string& expected) {
  std::string hint;
  if (node.is_scalar() && node.quoted() && parse_double(node.text()))
    hint = "numbers are written without quotes";
  throw UserError(node.mark(), "expected " + expected + ", found " + node.describe(), hint);
}

/// For one value where a map is expected: under which of the map's keys it belongs.
std::string map_hint(const ConfigNode& node, std::span<const ParamSpec> specs) {
  if (!node.is_scalar() || node.quoted() || specs.empty()) return {};
  if (node.text() == "true") return "write {} for the defaults";
  const bool number = parse_double(node.text()).has_value();
  const bool fits = number && (specs[0].type.find("int") != std::string::npos ||
                               specs[0].type.find("float") != std::string::npos);
  if (fits) {
    const Mark& mark = node.mark();
    if (!mark.valid() || mark.file->path() != "--set")
      return "write {" + specs[0].name + ": " + node.text() + "}";
    const std::string& argument = mark.file->text();
    const std::size_t equals = std::min(argument.find('='), argument.size());
    return "write --set " +
           shell_word(argument.substr(0, equals) + "." + specs[0].name + argument.substr(equals));
  }
  std::vector<std::string> names;
  for (const ParamSpec& spec : specs) names.push_back(spec.name);
  return "its keys are " + join(names, ", ");
}

void check_limits(const ConfigNode& node, double value, const Limits& limits) {
  if (limits.contains(value)) return;
  // The end that all counts have goes without saying, but where it is passed.
  const bool beyond = limits.max == kMaxCount && value > kMaxCount;
  throw UserError(node.mark(), "is " + node.text() + ", must be " +
                                   (beyond ? "at most 2147483647" : limits.text()));
}

}  // namespace

bool Limits::contains(double value) const {
  return (min_open ? value > min : value >= min) && (max_open ? value < max : value <= max);
}

std::string Limits::text() const {
  const auto number = [](double value) {  // 100000, not 1e+05
    const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
    return whole ? std::to_string(static_cast<std::int64_t>(value)) : number_text(value);
  };
  std::string low, high;
  if (std::isfinite(min) && min != -kMaxCount)
    low = (min_open ? "above " : "at least ") + number(min);
  if (std::isfinite(max) && max != kMaxCount)
    high = (max_open ? "below " : "at most ") + number(max);
  return low.empty() || high.empty() ? low + high : low + " and " + high;
}

Limits Limits::of_counts() const {
  Limits limits = *this;
  // An open infinity is a seed's: whatever an int holds.
  if (std::isinf(max) && !max_open) limits.max = kMaxCount;
  if (std::isinf(min)) limits.min = -kMaxCount;
  return limits;
}

Limits any_value() { return {}; }
Limits seed_limits() {
  return {.min = 0, .max = std::numeric_limits<double>::infinity(), .max_open = true};
}
Limits at_least(double min) { return {.min = min}; }
Limits above(double min) { return {.min = min, .min_open = true}; }
Limits between(double min, double max) { return {.min = min, .max = max}; }
Limits from_to_below(double min, double max) { return {.min = min, .max = max, .max_open = true}; }
Limits above_to(double min, double max) { return {.min = min, .max = max, .min_open = true}; }

std::vector<std::int64_t> Spatial::expand(std::size_t rank, std::string_view key) const {
  if (sizes.size() == rank) return sizes;
  if (sizes.size() == 1) return std::vector<std::int64_t>(rank, sizes[0]);
  throw ShapeError(std::string(key) + " has " + std::to_string(sizes.size()) +
                   " sizes, but the source has " + std::to_string(rank) + " spatial axes");
}

bool ValueType<bool>::read(const ConfigNode& node, const Limits&) {
  if (node.is_scalar() && !node.quoted()) {
    if (node.text() == "true") return true;
    if (node.text() == "false") return false;
  }
  throw UserError(node.mark(), "expected true or false, found " + node.describe());
}

std::int64_t ValueType<std::int64_t>::read(const ConfigNode& node, const Limits& limits) {
  if (!node.is_scalar() || node.quoted()) wrong_type(node, "an int");
  std::optional<std::int64_t> value = parse_int(node.text());
  if (!value) {
    // 1e4 is a whole number too; anything with a fraction is not.
    const std::optional<double> real = parse_double(node.text());
    if (!real || *real != std::floor(*real) || std::abs(*real) > 9e15) wrong_type(node, "an int");
    value = static_cast<std::int64_t>(*real);
  }
  check_limits(node, static_cast<double>(*value), limits);
  return *value;
}

int ValueType<int>::read(const ConfigNode& node, const Limits& limits) {
  const std::int64_t value = ValueType<std::int64_t>::read(node, limits);
  check_limits(node, static_cast<double>(value),
               between(std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
  return static_cast<int>(value);
}

double ValueType<double>::read(const ConfigNode& node, const Limits& limits) {
  if (!node.is_scalar() || node.quoted()) wrong_type(node, "a number");
  const std::optional<double> value = parse_double(node.text());
  if (!value) wrong_type(node, "a number");
  check_limits(node, *value, limits);
  return *value;
}

float ValueType<float>::read(const ConfigNode& node, const Limits& limits) {
  const double value = ValueType<double>::read(node, limits);
  if (std::isfinite(value)) {
    check_limits(node, value,
                 between(-std::numeric_limits<float>::max(), std::numeric_limits<float>::max()));
  }
  return static_cast<float>(value);
}

std::string ValueType<std::string>::read(const ConfigNode& node, const Limits&) {
  if (!node.is_scalar()) throw UserError(node.mark(), "expected a text, found " + node.describe());
  return node.text();
}

Spatial ValueType<Spatial>::read(const ConfigNode& node, const Limits& limits) {
  Spatial spatial;
  if (node.is_list()) {
    if (node.items().empty() || node.items().size() > 3) {
      throw UserError(node.mark(), "expected one int or a list of 1 to 3, found a list of " +
                                       std::to_string(node.items().size()));
    }
    for (const ConfigNode& item : node.items())
      spatial.sizes.push_back(ValueType<std::int64_t>::read(item, limits));
  } else {
    spatial.sizes.push_back(ValueType<std::int64_t>::read(node, limits));
  }
  return spatial;
}

std::string ValueType<Spatial>::text(const Spatial& value) {
  if (value.sizes.size() == 1) return std::to_string(value.sizes[0]);
  return value.empty() ? "" : ValueType<std::vector<std::int64_t>>::text(value.sizes);
}

std::size_t read_word(const ConfigNode& node, std::span<const std::string> words) {
  const std::string expected = "expected one of " + join(words, ", ");
  if (!node.is_scalar()) throw UserError(node.mark(), expected + "; found " + node.describe());
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == node.text()) return i;
  }
  throw UserError(node.mark(),
                  expected + "; found " + node.describe() + did_you_mean(node.text(), words));
}

std::vector<Word> words_of(std::span<const ParamSpec> specs) {
  std::vector<Word> words;
  for (const ParamSpec& spec : specs) words.emplace_back(spec.name, spec.others);
  return words;
}

void check_keys(const ConfigNode& map, std::span<const ParamSpec> specs, Problems& problems) {
  if (!map.is_map() && !map.is_null()) {
    throw UserError(map.mark(), "expected a map, found " + map.describe(), map_hint(map, specs));
  }
  const std::vector<Word> words = words_of(specs);
  for (const ConfigNode::Entry& entry : map.entries()) {
    if (std::ranges::find(words, entry.key, &Word::name) == words.end()) {
      problems.add(entry.key_mark,
                   "unknown key '" + entry.key + "'" + did_you_mean(entry.key, words));
    }
  }
  for (const ParamSpec& spec : specs) {
    if (spec.required && !map.find(spec.name))
      problems.add(map.mark(), "missing key '" + spec.name + "' (" + spec.type + ")");
  }
}

}  // namespace dl
