#include <algorithm>
#include <utility>

#include "core/text.h"
#include "engine/config/layer_expander.h"

namespace dl {
namespace {

constexpr std::size_t kMaxReports = 20;
constexpr std::size_t kMaxName = 500;  // of a full name
constexpr char kUnknown[] = "?";       // stands for a source that is reported as missing

}  // namespace

/// The entry's own name; none when it has none or when it is wrong (which `report` says).
std::optional<std::string> LayerExpander::written_name(const LayerEntry& entry, const Scope& scope,
                                                       bool report) {
  if (!entry.name) return std::nullopt;
  Problems ignored;
  Findings silent(ignored);
  Findings& findings = report ? findings_ : silent;
  const std::size_t before = findings.count();
  const ConfigNode name = expand(*entry.name, scope, budget_, findings);
  if (findings.count() != before) return std::nullopt;
  if (!name.is_scalar()) {
    findings.add(entry.name->mark(), "name: expected a text, found " + name.describe());
    return std::nullopt;
  }
  try {
    check_layer_name(name.text(), entry.name->mark());
  } catch (const UserError& error) {
    findings.add(error);
    return std::nullopt;
  }
  return name.text();
}

/// The names written in a list, so that automatic ones keep away from them.
void LayerExpander::collect_written(const ConfigNode& layers, const Place& place) {
  for (const ConfigNode& node : layers.items()) {
    try {
      const LayerEntry entry = read_layer_entry(node);
      if (const auto name = written_name(entry, place.scope, false))
        place.space.written.insert(*name);
      if (entry.kind == LayerEntry::Kind::condition && !entry.name)
        collect_written(*entry.layers, place);
    } catch (const UserError&) {
      // reported when the entry's turn comes
    }
  }
}

/// What a false `if` holds: no names to follow, but a message can tell why.
void LayerExpander::remember_absent(const ConfigNode& layers, const std::string& prefix) {
  for (const ConfigNode& node : layers.items()) {
    const ConfigNode* params =
        node.is_map() && node.entries().size() == 1 ? &node.entries()[0].value : &node;
    const ConfigNode* name = params->find("name");
    if (name && name->is_scalar()) absent_.emplace(prefix + name->text(), name->mark());
  }
}

std::string LayerExpander::name_of(const LayerEntry& entry, const Place& place) {
  if (const auto name = written_name(entry, place.scope, true)) return place.space.prefix + *name;
  if (!entry.name && !place.lone_name.empty()) return std::string(place.lone_name);
  while (true) {
    const std::string name = entry.type + std::to_string(++place.space.numbers[entry.type]);
    if (!place.space.written.contains(name)) return place.space.prefix + name;
  }
}

/// Reserves a full name. False when it is taken, which is reported unless a group bears it for this
/// entry.
bool LayerExpander::claim(const std::string& full, const Mark& mark) {
  if (full.size() > kMaxName)
    findings_.add(mark, "a name of over 500 characters: " + full.substr(0, 40) + "...");
  if (full.ends_with(kUnknown)) return false;  // its name is reported as wrong
  const auto [at, is_new] = names_.emplace(full, Named{"", mark});
  if (is_new || at->second.source.empty()) return true;  // empty: the group around is still open
  std::string hint;
  if (full[0] >= '0' && full[0] <= '9')
    hint = "a repeat without a name calls its rounds 0, 1, ...; give one of them a name";
  findings_.add(
      mark,
      "the name '" + full + "' is used twice; the first is on " + line_of(at->second.mark, mark),
      hint);
  return false;
}

void LayerExpander::stand_for(const std::string& full, const std::string& source,
                              const Mark& mark) {
  names_.insert_or_assign(full, Named{source, mark});
}

bool LayerExpander::is_in_broken(const std::string& full) const {
  return std::any_of(broken_.begin(), broken_.end(),
                     [&](const std::string& prefix) { return full.starts_with(prefix); });
}

bool LayerExpander::is_result(const std::string& word) const {
  return std::find(layer_results_.begin(), layer_results_.end(), word) != layer_results_.end();
}

LayerDecl::Source LayerExpander::look_up(const std::string& name, const Mark& mark,
                                         const Space& space) {
  if (name == "input") return {space.input, mark};
  if (name.starts_with("data.") && name.size() > 5) return {name, mark};
  std::vector<std::string> prefixes;
  for (const Space* at = &space; at; at = at->outer) {
    const auto found = names_.find(at->prefix + name);
    if (found != names_.end() && !found->second.source.empty()) return {found->second.source, mark};
    if (is_in_broken(at->prefix + name)) return {kUnknown, mark};
    prefixes.push_back(at->prefix);
    // "encoder.h" is a result of the layer "encoder", unless something has that name.
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos || !is_result(name.substr(dot + 1))) continue;
    const auto layer = names_.find(at->prefix + name.substr(0, dot));
    if (layer != names_.end() && !layer->second.source.empty())
      return {layer->second.source + name.substr(dot), mark};
  }
  unresolved_.push_back({std::move(prefixes), name, mark, layers_.size()});
  return {kUnknown, mark};
}

std::vector<LayerDecl::Source> LayerExpander::sources_of(const LayerEntry& entry,
                                                         const std::string& current,
                                                         const Place& place) {
  if (!entry.from) return {{current, entry.mark}};
  std::vector<LayerDecl::Source> sources;
  const std::size_t before = findings_.count();
  const ConfigNode from = expanded(*entry.from, place.scope);
  const std::vector<ConfigNode> names =
      from.is_list() ? from.items() : std::vector<ConfigNode>{from};
  if (names.empty())
    findings_.add(from.mark(), "from: expected a name or a list of names, found an empty list");
  for (const ConfigNode& name : names) {
    if (name.is_scalar()) {
      sources.push_back(look_up(name.text(), name.mark(), place.space));
    } else if (findings_.count() == before) {
      findings_.add(name.is_null() ? entry.from->mark() : name.mark(),
                    "from: expected a name, found " + name.describe());
    }
  }
  return sources;
}

std::string LayerExpander::source_of(const LayerEntry& entry, const std::string& current,
                                     const Place& place) {
  const std::vector<LayerDecl::Source> sources = sources_of(entry, current, place);
  if (sources.size() > 1) {
    const std::string what = entry.kind == LayerEntry::Kind::typed       ? "a block"
                             : entry.kind == LayerEntry::Kind::repeat    ? "a repeat"
                             : entry.kind == LayerEntry::Kind::condition ? "an if"
                                                                         : "a group";
    findings_.add(entry.from->mark(),
                  "from: " + what + " takes one source, found " + std::to_string(sources.size()));
  }
  return sources.empty() ? current : sources[0].name;
}

LayerDecl::Source LayerExpander::resolve(const std::string& name, const Mark& mark,
                                         const std::string& what) {
  const Space model{nullptr, "", "input"};
  const std::size_t before = unresolved_.size();
  LayerDecl::Source source = look_up(name, mark, model);
  if (unresolved_.size() > before) {
    std::vector<std::string> known;
    for (const auto& [full, named] : names_) known.push_back(full);
    std::sort(known.begin(), known.end());
    findings_.add(mark, what + "unknown layer '" + name + "'" + did_you_mean(name, known));
    unresolved_.pop_back();
  }
  return source;
}

void LayerExpander::report_unresolved() {
  // Suggesting names costs time, so a config with thousands of them gets its first ones explained.
  for (std::size_t i = 0; i < unresolved_.size() && i < kMaxReports; ++i) report(unresolved_[i]);
  for (std::size_t i = kMaxReports; i < unresolved_.size(); ++i)
    findings_.add(unresolved_[i].mark, "unknown layer '" + unresolved_[i].name + "'");
  unresolved_.clear();
}

void LayerExpander::report(const Unresolved& missing) {
  const bool by_layer =
      missing.layer < layers_.size() &&
      std::any_of(layers_[missing.layer].from.begin(), layers_[missing.layer].from.end(),
                  [&](const LayerDecl::Source& source) {
                    return source.name == kUnknown && source.mark.file == missing.mark.file &&
                           source.mark.line == missing.mark.line &&
                           source.mark.column == missing.mark.column;
                  });
  const std::string what = by_layer ? "layer '" + layers_[missing.layer].name + "' (" +
                                          layers_[missing.layer].type + "): "
                                    : "from: ";
  std::vector<std::string> known = {"input"};
  for (const std::string& prefix : missing.prefixes) {
    const auto found = names_.find(prefix + missing.name);
    if (found != names_.end()) {
      const auto place = places_.find(found->second.source);
      const std::vector<std::string> way = by_layer && place != places_.end()
                                               ? way_back(place->second, missing.layer)
                                               : std::vector<std::string>();
      if (way.size() == 1) return findings_.add(missing.mark, what + "follows itself");
      if (!way.empty())
        return findings_.add(missing.mark,
                             what + "follows itself in a circle: " + join(way, " <- "));
      return findings_.add(missing.mark, what + "'" + missing.name + "' is defined below, on " +
                                             line_of(found->second.mark, missing.mark) +
                                             "; a layer follows layers above it");
    }
    const auto absent = absent_.find(prefix + missing.name);
    if (absent != absent_.end()) {
      return findings_.add(missing.mark,
                           what + "'" + missing.name + "' (" +
                               line_of(absent->second, missing.mark) +
                               ") stands in an if that is false",
                           "give the if a name and follow that");
    }
    for (const auto& [full, named] : names_) {
      if (full.starts_with(prefix)) known.push_back(full.substr(prefix.size()));
    }
  }
  std::sort(known.begin(), known.end());
  findings_.add(missing.mark,
                what + "unknown layer '" + missing.name + "'" + did_you_mean(missing.name, known));
}

/// The names from layer `to` back to itself when `from` depends on it; empty when it does not.
std::vector<std::string> LayerExpander::way_back(std::size_t from, std::size_t to) const {
  std::vector<std::size_t> open = {from};
  std::unordered_map<std::size_t, std::size_t> reached_by = {{from, from}};
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (at == to) {
      std::vector<std::string> way = {layers_[at].name};
      for (std::size_t step = at; step != from; way.push_back(layers_[step].name))
        step = reached_by.at(step);
      std::reverse(way.begin() + 1, way.end());
      if (way.size() > 1) way.push_back(layers_[to].name);
      return way;
    }
    for (const LayerDecl::Source& source : layers_[at].from) {
      const auto next = places_.find(source.name);
      if (next != places_.end() && reached_by.emplace(next->second, at).second)
        open.push_back(next->second);
    }
  }
  return {};
}

}  // namespace dl
