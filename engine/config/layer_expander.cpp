#include "engine/config/layer_expander.h"

#include <algorithm>
#include <utility>

#include "core/params.h"
#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kMaxLayers = 100'000;
constexpr std::size_t kMaxVisits = 1'000'000;  // entries looked at, whatever comes of them
constexpr int kMaxDepth = 64;

ConfigNode without_links(const ConfigNode* params, const Mark& mark) {
  if (!params || params->is_null()) return ConfigNode::map({}, mark);
  ConfigNode rest = *params;
  std::erase_if(rest.entries(), [](const ConfigNode::Entry& entry) {
    return entry.key == "name" || entry.key == "from";
  });
  return rest;
}

bool uses_name(const ConfigNode& scalar, const std::string& name) {
  try {
    const std::vector<NameUse> uses = names_used(scalar);
    return std::any_of(uses.begin(), uses.end(),
                       [&](const NameUse& use) { return use.name == name; });
  } catch (const UserError&) {
    return false;  // reported where the name is expanded
  }
}

}  // namespace

LayerExpander::LayerExpander(const ConfigNode* blocks, const std::vector<Word>& layer_types,
                             const std::vector<std::string>& layer_results, const Scope& globals,
                             Budget& budget, Findings& findings)
    : layer_types_(layer_types),
      layer_results_(layer_results),
      globals_(globals),
      budget_(budget),
      findings_(findings) {
  if (!blocks) return;
  if (blocks->is_map()) {
    read_blocks(*blocks);
  } else {
    findings_.add(blocks->mark(), "blocks: expected a map of blocks, found " + blocks->describe());
  }
}

/// A block's definition. Throws UserError with all that is wrong with its form.
LayerExpander::Block LayerExpander::read_block(const ConfigNode::Entry& entry) {
  static const std::vector<std::string> known = {"params", "layers"};
  const ConfigNode& body = entry.value;
  if (!body.is_map()) {
    throw UserError(body.is_null() ? entry.key_mark : body.mark(),
                    "expected a map of params and layers, found " + body.describe());
  }
  Problems problems;
  for (const ConfigNode::Entry& part : body.entries()) {
    if (part.key != "params" && part.key != "layers") {
      problems.add(part.key_mark, "unknown key '" + part.key + "'" + did_you_mean(part.key, known));
    }
  }
  const ConfigNode* params = body.find("params");
  const ConfigNode* layers = body.find("layers");
  if (params && !params->is_map())
    problems.add(params->mark(), "params: expected a map, found " + params->describe());
  if (layers && !layers->is_list())
    problems.add(layers->mark(), "layers: expected a list, found " + layers->describe());
  if (!layers) problems.add(entry.key_mark, "missing key 'layers' (a list)");
  problems.throw_if_any();
  return {params ? *params : ConfigNode::map({}, entry.key_mark), *layers};
}

void LayerExpander::read_blocks(const ConfigNode& blocks) {
  for (const ConfigNode::Entry& entry : blocks.entries()) {
    block_names_.push_back(entry.key);
    if (is_entry_word(entry.key)) {
      findings_.add(entry.key_mark,
                    "block '" + entry.key + "': the word has a meaning of its own; choose another");
    }
    if (std::ranges::find(layer_types_, entry.key, &Word::name) != layer_types_.end()) {
      findings_.add(entry.key_mark,
                    "block '" + entry.key + "': there is a layer of this name; choose another");
    }
    try {
      blocks_.emplace(entry.key, read_block(entry));
    } catch (const UserError& error) {
      findings_.add(error, "block '" + entry.key + "': ");
      blocks_.emplace(entry.key, Block{ConfigNode::map({}, entry.key_mark),
                                       ConfigNode::list({}, entry.key_mark)});
    }
  }
}

std::vector<LayerDecl> LayerExpander::expand_model(const ConfigNode& layers) {
  Space space{nullptr, "", "input"};
  expand_list(layers, "input", {space, globals_});
  report_unresolved();
  return std::move(layers_);
}

std::string LayerExpander::expand_list(const ConfigNode& layers, std::string current,
                                       const Place& place) {
  if (++depth_ > kMaxDepth)
    throw UserError(layers.mark(), "blocks, repeats and ifs are nested over 64 deep");
  collect_written(layers, place);
  const bool lone = layers.items().size() == 1;
  for (const ConfigNode& node : layers.items()) {
    if (++visits_ > kMaxVisits)
      throw UserError(node.mark(), "the model's blocks and repeats come to over 1,000,000 entries");
    current = expand_entry(node, current,
                           {place.space, place.scope, lone ? place.lone_name : std::string_view()});
  }
  --depth_;
  return current;
}

std::string LayerExpander::expand_entry(const ConfigNode& node, const std::string& current,
                                        const Place& place) {
  LayerEntry entry;
  try {
    entry = read_layer_entry(node);
  } catch (const UserError& error) {
    findings_.add(error);
    return current;
  }
  switch (entry.kind) {
    case LayerEntry::Kind::repeat:
      return expand_repeat(entry, current, place);
    case LayerEntry::Kind::condition:
      return expand_if(entry, current, place);
    case LayerEntry::Kind::group:
      return expand_group(entry, current, place);
    case LayerEntry::Kind::typed:
      break;
  }
  const auto block = blocks_.find(entry.type);
  if (block != blocks_.end()) return expand_block(entry, block->second, current, place);
  check_type(entry);
  return expand_layer(entry, current, place);
}

void LayerExpander::check_type(const LayerEntry& entry) {
  if (layer_types_.empty() ||
      std::ranges::find(layer_types_, entry.type, &Word::name) != layer_types_.end())
    return;
  std::vector<Word> known = layer_types_;
  known.insert(known.end(), block_names_.begin(), block_names_.end());
  findings_.add(entry.mark,
                "unknown layer or block '" + entry.type + "'" + did_you_mean(entry.type, known));
}

std::string LayerExpander::expand_layer(const LayerEntry& entry, const std::string& current,
                                        const Place& place) {
  if (layers_.size() >= kMaxLayers)
    throw UserError(entry.mark, "the model comes to over 100,000 layers");
  LayerDecl layer;
  layer.name = name_of(entry, place);
  layer.type = entry.type;
  layer.mark = entry.mark;
  layer.from = sources_of(entry, current, place);
  layer.params = expanded(without_links(entry.params, entry.mark), place.scope);
  if (claim(layer.name, entry.name ? entry.name->mark() : entry.mark))
    stand_for(layer.name, layer.name, entry.mark);
  places_.emplace(layer.name, layers_.size());
  layers_.push_back(std::move(layer));
  return layers_.back().name;
}

std::string LayerExpander::expand_block(const LayerEntry& entry, const Block& block,
                                        const std::string& current, const Place& place) {
  const std::string name = name_of(entry, place);
  std::string source = source_of(entry, current, place);
  const Mark mark = entry.name ? entry.name->mark() : entry.mark;
  const bool claimed = claim(name, mark);
  block_stack_.push_back(entry.type);
  if (std::count(block_stack_.begin(), block_stack_.end(), entry.type) > 1) {
    findings_.add(entry.mark,
                  "block '" + entry.type + "' uses itself: " + join(block_stack_, " -> "));
    block_stack_.pop_back();
    return source;
  }
  std::string last = source;
  if (const std::optional<Scope> scope = bind_params(entry, block, place.scope)) {
    Space space{nullptr, name + ".", source};
    last = expand_list(block.layers, source, {space, *scope, name});
  } else {
    broken_.insert(name + ".");
  }
  block_stack_.pop_back();
  if (claimed) stand_for(name, last, mark);
  return last;
}

/// The block's params as this entry gives them; none when some are wrong.
std::optional<Scope> LayerExpander::bind_params(const LayerEntry& entry, const Block& block,
                                                const Scope& caller) {
  const std::size_t before = findings_.count();
  const std::string what = "block '" + entry.type + "': ";
  const ConfigNode given = without_links(entry.params, entry.mark);
  std::vector<std::string> known;
  Scope scope{&globals_, {}};
  for (const ConfigNode::Entry& param : block.params.entries()) known.push_back(param.key);
  for (const ConfigNode::Entry& param : given.entries()) {
    if (!block.params.find(param.key)) {
      findings_.add(param.key_mark,
                    what + "unknown param '" + param.key + "'" + did_you_mean(param.key, known));
    }
  }
  for (const ConfigNode::Entry& param : block.params.entries()) {
    const ConfigNode* argument = given.find(param.key);
    if (!argument && param.value.is_null()) {
      findings_.add(entry.mark, what + "missing param '" + param.key + "'");
      continue;
    }
    const ConfigNode value =
        expanded(argument ? *argument : param.value, argument ? caller : scope);
    if (argument && argument->is_null())
      findings_.add(given.find_entry(param.key)->key_mark,
                    what + "param '" + param.key + "' has no value");
    try {
      scope.values.insert_or_assign(param.key, value_of(value));
    } catch (const UserError& error) {
      findings_.add(error);
    }
  }
  return findings_.count() == before ? std::optional(std::move(scope)) : std::nullopt;
}

std::int64_t LayerExpander::rounds_of(const LayerEntry& entry, const Place& place) {
  const std::size_t before = findings_.count();
  const ConfigNode value = expanded(*entry.value, place.scope);
  try {
    if (findings_.count() == before)
      return ValueType<std::int64_t>::read(value, between(0, kMaxLayers));
  } catch (const UserError& error) {
    findings_.add(error, "repeat: ");
  }
  return 0;
}

std::string LayerExpander::expand_repeat(const LayerEntry& entry, const std::string& current,
                                         const Place& place) {
  const std::string index = entry.as && entry.as->is_scalar() ? entry.as->text() : "i";
  if (!is_variable_name(index)) {
    findings_.add(entry.as->mark(), "as: '" + index + "' is no name for an index");
    return current;
  }
  const std::string source = source_of(entry, current, place);
  const std::int64_t rounds = rounds_of(entry, place);
  // A name with the index in it names each round; another one gets the index behind it.
  const bool names_rounds = entry.name && uses_name(*entry.name, index);
  std::string whole;
  if (!names_rounds) {
    whole = entry.name ? written_name(entry, place.scope, true).value_or("?")
                       : std::string(place.lone_name);
    if (entry.name) whole.insert(0, place.space.prefix);
  }
  const bool claimed = !names_rounds && entry.name && claim(whole, entry.name->mark());
  std::string last = source;
  for (std::int64_t i = 0; i < rounds; ++i) {
    if (++visits_ > kMaxVisits)
      throw UserError(entry.mark, "the model's blocks and repeats come to over 1,000,000 entries");
    const Scope scope{&place.scope, {{index, i}}};
    const std::string name =
        names_rounds    ? place.space.prefix + written_name(entry, scope, true).value_or("?")
        : whole.empty() ? place.space.prefix + std::to_string(i)
                        : whole + "." + std::to_string(i);
    last = expand_round(entry, name, last, place, scope);
  }
  if (rounds == 0) remember_absent(*entry.layers, place.space.prefix);
  if (claimed) stand_for(whole, last, entry.name->mark());
  return last;
}

/// The layers of a group with a name, or of one round of a repeat.
std::string LayerExpander::expand_round(const LayerEntry& entry, const std::string& name,
                                        std::string current, const Place& place,
                                        const Scope& scope) {
  const Mark mark = entry.name ? entry.name->mark() : entry.mark;
  if (!claim(name, mark)) {
    broken_.insert(name + ".");
    return current;
  }
  Space space{&place.space, name + ".", place.space.input};
  current = expand_list(*entry.layers, std::move(current), {space, scope, name});
  stand_for(name, current, mark);
  return current;
}

std::string LayerExpander::expand_if(const LayerEntry& entry, const std::string& current,
                                     const Place& place) {
  bool holds = false;
  const std::size_t before = findings_.count();
  const ConfigNode value = expanded(*entry.value, place.scope);
  try {
    if (findings_.count() == before) holds = ValueType<bool>::read(value, {});
  } catch (const UserError& error) {
    findings_.add(error, "if: ");
  }
  if (holds) return expand_group(entry, current, place);

  std::string source = source_of(entry, current, place);
  remember_absent(*entry.layers, place.space.prefix);
  if (const auto name = written_name(entry, place.scope, true)) {
    const std::string full = place.space.prefix + *name;
    if (claim(full, entry.name->mark())) stand_for(full, source, entry.name->mark());
  }
  return source;
}

std::string LayerExpander::expand_group(const LayerEntry& entry, const std::string& current,
                                        const Place& place) {
  const std::string source = source_of(entry, current, place);
  if (const auto name = written_name(entry, place.scope, true)) {
    return expand_round(entry, place.space.prefix + *name, source, place, place.scope);
  }
  return expand_list(*entry.layers, source,
                     place);  // without a name its layers are those of the list around it
}

}  // namespace dl
