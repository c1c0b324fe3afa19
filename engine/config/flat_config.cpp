#include "engine/config/flat_config.h"

#include <algorithm>
#include <map>

#include "core/text.h"
#include "engine/config/merge.h"
#include "engine/config/yaml_text.h"

namespace dl {
namespace {

using Rows = std::vector<FlatConfig::Row>;

constexpr char kParameter = ' ';  // stands between a layer and its parameter; in no name

/// On one line: a scalar's bare text, or the YAML of a list or map.
std::string value_text(const ConfigNode& node) {
  if (node.is_scalar()) return node.text();
  const std::string text = yaml_text(ConfigNode::list({node}, {}));
  return text.substr(1, text.size() - 3);  // without [ and ] and the line's end
}

/// A typed entry's name if it has one, else its type.
std::string entry_name(const TypedNode& entry) {
  const ConfigNode* name = entry.params.find("name");
  return name && name->is_scalar() ? name->text() : entry.type;
}

class Flattener {
 public:
  Flattener(Rows& rows, ConfigPath path) : rows_(rows), path_(std::move(path)) {}

  void add(const std::string& key, const ConfigNode& node) {
    if (node.is_list() && holds_typed_entries()) return add_typed_list(key, node);
    if (const auto beside = typed_choice(path_)) return add_choice(key, node, *beside);
    if (node.is_map() && !node.entries().empty()) return add_children(key, node);
    rows_.push_back({key, value_text(node)});
  }
  void add_children(const std::string& key, const ConfigNode& map) {
    for (const ConfigNode::Entry& entry : map.entries()) {
      path_.push_back(entry.key);
      add(key + "." + entry.key, entry.value);
      path_.pop_back();
    }
  }

 private:
  bool holds_typed_entries() {
    path_.push_back("#0");
    const bool typed = typed_choice(path_).has_value();
    path_.pop_back();
    return typed;
  }

  /// `sgd`, or `sgd: {...}`; of a schedule also `warmup`.
  void add_choice(const std::string& key, const ConfigNode& node,
                  std::span<const std::string_view> beside) {
    if (!node.is_map()) {
      rows_.push_back({key, value_text(node)});
      return;
    }
    for (const ConfigNode::Entry& entry : node.entries()) {
      const bool type = std::find(beside.begin(), beside.end(), entry.key) == beside.end();
      if (type) rows_.push_back({key, entry.key});
      path_.push_back(entry.key);
      if (!entry.value.is_null()) add_children(key + "." + entry.key, entry.value);
      path_.pop_back();
    }
  }

  /// The list by its types, then the entries by their names, so that one more moves no other.
  void add_typed_list(const std::string& key, const ConfigNode& list) {
    std::vector<std::string> types;
    Rows entries;
    std::map<std::string, int> times;
    for (const ConfigNode& item : list.items()) {
      TypedNode entry = read_typed(item, "an entry");
      types.push_back(entry.type);
      std::string name = entry_name(entry);
      std::erase_if(entry.params.entries(), [](const auto& param) { return param.key == "name"; });
      if (const int time = ++times[name]; time > 1) name += "#" + std::to_string(time);
      const std::string place = key + "." + name;
      if (name != entry.type) entries.push_back({place, entry.type});
      ConfigPath path = path_;
      path.insert(path.end(), {"#0", entry.type});
      Flattener(entries, std::move(path)).add_children(place, entry.params);
    }
    rows_.push_back({key, join(types, ", ")});
    rows_.insert(rows_.end(), entries.begin(), entries.end());
  }

  Rows& rows_;
  ConfigPath path_;
};

void add_layers(const ConfigNode& layers, FlatConfig& flat) {
  for (const ConfigNode& item : layers.items()) {
    const TypedNode layer = read_typed(item, "a layer");
    const std::string name = entry_name(layer);
    flat.layers.push_back(name);
    flat.layer_rows.push_back({name, layer.type});
    for (const ConfigNode::Entry& param : layer.params.entries()) {
      if (param.key != "name")
        flat.layer_rows.push_back({name + kParameter + param.key, value_text(param.value)});
    }
  }
}

bool same_value(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto x = parse_double(a), y = parse_double(b);
  return x && y && *x == *y;
}

bool all_same(const std::vector<std::optional<std::string>>& values,
              const std::vector<std::size_t>& there) {
  const auto& first = values[there[0]];
  return std::all_of(there.begin(), there.end(), [&](std::size_t i) {
    return values[i].has_value() == first.has_value() && (!first || same_value(*values[i], *first));
  });
}

/// Compares the configs that are there.
class Comparison {
 public:
  explicit Comparison(std::span<const std::optional<FlatConfig>> configs) : configs_(configs) {
    for (std::size_t i = 0; i < configs.size(); ++i) {
      if (configs[i]) there_.push_back(i);
    }
  }

  std::vector<ConfigDifference> differences() {
    if (there_.size() < 2) return {};
    std::vector<ConfigDifference> found = differing(&FlatConfig::rows);
    if (same_layers()) {
      add_layer_differences(found);
    } else {
      found.push_back(layer_counts());
    }
    return found;
  }

 private:
  const FlatConfig& config(std::size_t i) const { return *configs_[i]; }

  std::vector<ConfigDifference> differing(Rows FlatConfig::*rows) const {
    std::vector<ConfigDifference> all;
    std::map<std::string, std::size_t> place;                // in order of appearance
    std::vector<std::pair<std::size_t, std::size_t>> order;  // where it belongs, its place
    for (const std::size_t i : there_) {
      std::size_t at = 0;  // a key that is new stands behind the one before it
      for (const FlatConfig::Row& row : config(i).*rows) {
        const auto [entry, is_new] = place.try_emplace(row.key, all.size());
        if (is_new) {
          all.push_back({row.key, std::vector<std::optional<std::string>>(configs_.size())});
          order.emplace_back(i == there_[0] ? all.size() : at, entry->second);
        }
        at = order[entry->second].first;
        all[entry->second].values[i] = row.value;
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<ConfigDifference> found;
    for (const auto& [at, index] : order) {
      if (!all_same(all[index].values, there_)) found.push_back(std::move(all[index]));
    }
    return found;
  }

  bool same_layers() const {
    return std::all_of(there_.begin(), there_.end(),
                       [&](std::size_t i) { return config(i).layers == config(there_[0]).layers; });
  }

  /// Layers that differ in the same key and values are one row.
  void add_layer_differences(std::vector<ConfigDifference>& found) const {
    std::map<std::pair<std::string, std::vector<std::optional<std::string>>>, std::size_t> rows;
    for (ConfigDifference& one : differing(&FlatConfig::layer_rows)) {
      const std::size_t space = std::min(one.key.find(kParameter), one.key.size());
      const auto [row, is_new] =
          rows.try_emplace({one.key.substr(space), one.values}, found.size());
      if (is_new) {
        if (space < one.key.size()) one.key[space] = '.';
        one.key = "model." + one.key;
        found.push_back(std::move(one));
      }
      ++found[row->second].layers;
    }
  }

  ConfigDifference layer_counts() const {
    ConfigDifference counts{"model.layers",
                            std::vector<std::optional<std::string>>(configs_.size())};
    const std::vector<std::string>& first = config(there_[0]).layers;
    std::size_t differs = first.size();  // the first place at which they do
    bool same_count = true;
    for (const std::size_t i : there_) {
      const std::vector<std::string>& layers = config(i).layers;
      const auto at = std::mismatch(first.begin(), first.end(), layers.begin(), layers.end()).first;
      differs = std::min(differs, static_cast<std::size_t>(at - first.begin()));
      same_count &= layers.size() == first.size();
    }
    for (const std::size_t i : there_) {
      std::string text = std::to_string(config(i).layers.size()) + " layers";
      if (same_count)
        text += ", no. " + std::to_string(differs + 1) + " is " + config(i).layers[differs];
      counts.values[i] = std::move(text);
    }
    return counts;
  }

  std::span<const std::optional<FlatConfig>> configs_;
  std::vector<std::size_t> there_;
};

}  // namespace

FlatConfig flat_config(const ConfigNode& resolved, const ConfigNode& vars) {
  FlatConfig flat;
  for (const ConfigNode::Entry& var : vars.entries())
    flat.rows.push_back({"vars." + var.key, value_text(var.value)});
  for (const ConfigNode::Entry& section : resolved.entries()) {
    Flattener flattener(flat.rows, {section.key});
    if (section.key == "model") {
      ConfigNode rest = section.value;
      if (const ConfigNode* layers = rest.find("layers")) add_layers(*layers, flat);
      std::erase_if(rest.entries(), [](const auto& entry) { return entry.key == "layers"; });
      flattener.add_children(section.key, rest);
    } else {
      flattener.add(section.key, section.value);
    }
  }
  return flat;
}

std::vector<ConfigDifference> config_differences(
    std::span<const std::optional<FlatConfig>> configs) {
  return Comparison(configs).differences();
}

}  // namespace dl
