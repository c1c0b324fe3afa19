#include "engine/config/merge.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/install_paths.h"
#include "core/text.h"
#include "engine/config/yaml_file.h"

namespace dl {
namespace {

constexpr std::size_t kMaxExtendsDepth = 16;
constexpr std::size_t kMaxFiles = 100;

using Path = ConfigPath;

/// Keys that stand beside the type where the type is the key.
constexpr std::string_view kBesideSchedule[] = {"warmup"};
constexpr std::string_view kBesideEntry[] = {"repeat", "as", "if", "name", "from", "layers"};

/// Nulls in a block's params mean "required", so they do not take anything away.
bool null_is_a_value(const Path& path) {
  return path.size() >= 3 && path[0] == "blocks" && path[2] == "params";
}

/// `sgd` as `sgd: {}`, so that a name alone merges like any other.
void spell_out(ConfigNode& node) {
  if (!node.is_scalar()) return;
  node = ConfigNode::map({{node.text(), node.mark(), ConfigNode::null(node.mark())}}, node.mark());
}

bool is_type(const std::string& key, std::span<const std::string_view> beside) {
  return std::find(beside.begin(), beside.end(), key) == beside.end();
}

/// Removes the types of `base` that `key` replaces.
void drop_other_types(ConfigNode& base, const std::string& key,
                      std::span<const std::string_view> beside) {
  if (!is_type(key, beside)) return;
  std::erase_if(base.entries(), [&](const ConfigNode::Entry& entry) {
    return is_type(entry.key, beside) && entry.key != key;
  });
}

void merge_into(ConfigNode& base, const ConfigNode& over, Path& path) {
  ConfigNode top = over;
  const auto beside = typed_choice(path);
  if (beside && !base.is_list() && !top.is_list()) {
    spell_out(base);
    spell_out(top);
  }
  if (!base.is_map() || !top.is_map()) {
    base = std::move(top);
    return;
  }
  for (ConfigNode::Entry& entry : top.entries()) {
    if (beside) drop_other_types(base, entry.key, *beside);
    const auto at = std::find_if(base.entries().begin(), base.entries().end(),
                                 [&](const auto& e) { return e.key == entry.key; });
    if (at == base.entries().end()) {
      base.entries().push_back(std::move(entry));
    } else if (!entry.value.is_null() || null_is_a_value(path)) {
      path.push_back(entry.key);
      at->key_mark = entry.key_mark;
      merge_into(at->value, entry.value, path);
      path.pop_back();
    } else if (!beside || !is_type(entry.key, *beside)) {  // the type alone changes no parameter
      base.entries().erase(at);
    }
  }
}

/// Follows `extends`, deepest first.
class Reader {
 public:
  Reader(MergedFiles& result, Problems& problems) : result_(result), problems_(problems) {}

  ConfigNode read(const std::filesystem::path& path, const Mark& asked_at) {
    if (std::find(stack_.begin(), stack_.end(), identity(path)) != stack_.end()) {
      std::string way;
      for (const std::string& file : shown_) way += file + " -> ";
      throw UserError(asked_at, "'" + path.string() + "' extends itself: " + way + path.string());
    }
    if (stack_.size() >= kMaxExtendsDepth)
      throw UserError(asked_at, "files extend each other over 16 deep");
    if (result_.files.size() >= kMaxFiles) throw UserError(asked_at, "more than 100 files");
    result_.files.push_back(path.string());
    ConfigNode root = read_yaml_file(path.string(), problems_, asked_at);
    if (!root.is_map())
      throw UserError(
          root.mark(),
          "a config is a map of sections (name, data, model, ...), found " + root.describe());
    if (stack_.empty()) result_.given_text = root.mark().file->text();

    const ConfigNode* extends = root.find("extends");
    if (!extends) return root;
    stack_.push_back(identity(path));
    shown_.push_back(path.string());
    ConfigNode base = read_bases(*extends, path.parent_path());
    stack_.pop_back();
    shown_.pop_back();
    std::erase_if(root.entries(),
                  [](const ConfigNode::Entry& entry) { return entry.key == "extends"; });
    const Mark mark = root.mark();
    ConfigNode whole = merged(std::move(base), root);
    return ConfigNode::map(std::move(whole.entries()), mark);
  }

 private:
  static std::string identity(const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
    return error ? path.string() : real.string();
  }

  /// '@configs/...' is one of dltool's own.
  static std::filesystem::path place_of(const std::string& path,
                                        const std::filesystem::path& folder) {
    constexpr std::string_view kOwn = "@configs/";
    if (path.starts_with(kOwn)) return std::filesystem::path(resource_folder()) / path.substr(1);
    return (folder / path).lexically_normal();
  }

  ConfigNode read_bases(const ConfigNode& extends, const std::filesystem::path& folder) {
    const std::vector<ConfigNode> paths =
        extends.is_list() ? extends.items() : std::vector<ConfigNode>{extends};
    ConfigNode base = ConfigNode::map({}, extends.mark());
    for (const ConfigNode& path : paths) {
      if (!path.is_scalar() || path.text().empty()) {
        throw UserError(path.mark(),
                        "extends: expected a path or a list of paths, found " + path.describe());
      }
      base = merged(std::move(base), read(place_of(path.text(), folder), path.mark()));
    }
    return base;
  }

  MergedFiles& result_;
  Problems& problems_;
  std::vector<std::string> stack_,
      shown_;  // the files that are being read: what they are, and as written
};

/// The value of --set. What begins with @ would need quotes in YAML, which a shell takes away.
ConfigNode set_value(const std::shared_ptr<const SourceFile>& file, std::size_t begin,
                     Problems& problems) {
  const std::string text = file->text().substr(begin);
  if (!text.starts_with('@')) return parse_yaml(file, problems, begin);
  return ConfigNode::scalar(
      text, Mark{file, 1, static_cast<int>(begin) + 1, static_cast<int>(text.size())}, true);
}

/// The type in `node` that `part` is a key of, where --set leaves it out; none where `part` is
/// itself a type, or where we do not know them. Throws UserError where it is neither.
std::optional<std::string> type_left_out(const ConfigNode& node, const Path& path,
                                         const std::string& part, const Mark& mark,
                                         std::span<const SectionKeys> sections) {
  const auto beside = typed_choice(path);
  if (!beside || !is_type(part, *beside)) return std::nullopt;
  const std::string section = join(path, ".") + ".";
  std::vector<std::string> chosen;
  if (node.is_scalar()) chosen.push_back(node.text());
  for (const ConfigNode::Entry& entry : node.entries()) {
    if (is_type(entry.key, *beside)) chosen.push_back(entry.key);
  }
  const SectionKeys* own = nullptr;
  for (const SectionKeys& keys : sections) {
    if (keys.section == section + part) return std::nullopt;
    if (chosen.size() == 1 && keys.section == section + chosen[0]) own = &keys;
  }
  if (!own) return std::nullopt;
  if (std::ranges::find(own->keys, part, &Word::name) != own->keys.end()) return chosen[0];
  std::vector<std::string> names;
  for (const Word& key : own->keys) names.push_back(key.name);
  std::optional<std::string> meant = known_elsewhere(part, own->keys);
  if (!meant) meant = nearest(part, names);
  throw UserError(mark, "'" + part + "' is neither a type nor a key of " + own->section,
                  meant ? "write " + set_words(mark, chosen[0] + "." + *meant)
                        : own->section + " has " + join(names, ", "));
}

/// One step of --set: the child that `part` names, made when it is a new key of a map.
ConfigNode& child(ConfigNode& node, const std::string& part, Path& path, const Mark& mark) {
  if (node.is_list()) {
    const std::optional<std::int64_t> index = parse_int(part);
    const std::size_t size = node.items().size();
    if (!index || *index < 0 || static_cast<std::size_t>(*index) >= size) {
      throw UserError(
          mark, "'" + part + "' is no index of this list" +
                    (size == 0 ? ", which is empty" : "; it has 0 to " + std::to_string(size - 1)));
    }
    path.push_back("#" + part);
    return node.items()[static_cast<std::size_t>(*index)];
  }
  if (const auto beside = typed_choice(path)) {
    spell_out(node);
    drop_other_types(node, part, *beside);
  }
  if (node.is_scalar())
    throw UserError(mark, "'" + part + "' cannot be set inside of " + node.describe());
  if (node.is_null()) node = ConfigNode::map({}, mark);
  path.push_back(part);
  if (ConfigNode* found = node.find(part)) return *found;
  node.entries().push_back({part, mark, ConfigNode::null(mark)});
  return node.entries().back().value;
}

}  // namespace

std::optional<std::span<const std::string_view>> typed_choice(const ConfigPath& path) {
  const auto none = std::span<const std::string_view>();
  if (path.size() == 1 && (path[0] == "optimizer" || path[0] == "loss")) return none;
  if (path.size() == 1 && path[0] == "schedule") return kBesideSchedule;
  if (path.size() == 2 && path[0] == "data" && path[1] == "source") return none;
  // The entries of lists: layers, losses, transforms. Lists merge only under --set, which may name
  // an index.
  if (path.size() < 2 || !path.back().starts_with('#')) return std::nullopt;
  const std::string& list = path[path.size() - 2];
  if ((path[0] == "model" || path[0] == "blocks") && list == "layers") return kBesideEntry;
  if (path[0] == "loss" && path.size() == 2) return none;
  if (path.size() == 4 && path[0] == "data" && path[1] == "transforms") return none;
  return std::nullopt;
}

ConfigNode merged(ConfigNode base, const ConfigNode& over) {
  Path path;
  merge_into(base, over, path);
  return base;
}

std::string set_words(const Mark& part, const std::string& instead) {
  std::string argument = part.file->text();
  return "--set " + shell_word(argument.replace(static_cast<std::size_t>(part.column - 1),
                                                static_cast<std::size_t>(part.length), instead));
}

MergedFiles read_with_extends(const std::string& path, Problems& problems) {
  MergedFiles result;
  result.root = Reader(result, problems).read(path, {});
  return result;
}

void apply_set(ConfigNode& root, const std::string& argument, Problems& problems,
               std::span<const SectionKeys> sections) {
  const auto file = std::make_shared<SourceFile>("--set", argument);
  const std::size_t equals = argument.find('=');
  Mark mark{file, 1, 1,
            static_cast<int>(std::max<std::size_t>(std::min(equals, argument.size()), 1))};
  if (equals == std::string::npos || equals == 0)
    throw UserError(mark, "expected key=value, for example train.epochs=20");
  const ConfigNode value = set_value(file, equals + 1, problems);
  if (value.is_null() && argument.find_first_not_of(' ', equals + 1) == std::string::npos) {
    throw UserError(mark, "nothing stands behind '='; ~ takes a key away");
  }
  Path path;
  ConfigNode* node = &root;
  mark.column = 1;
  const std::vector<std::string> parts = split(argument.substr(0, equals), '.');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    mark.length = static_cast<int>(std::max<std::size_t>(parts[i].size(), 1));
    if (parts[i].empty()) throw UserError(mark, "an empty part in the key");
    if (parts[i] == "extends" && i == 0)
      throw UserError(mark, "extends cannot be set; it belongs into a file");
    if (const auto type = type_left_out(*node, path, parts[i], mark, sections))
      node = &child(*node, *type, path, mark);
    if (i + 1 == parts.size() && value.is_null() && node->is_map() && !null_is_a_value(path)) {
      std::erase_if(node->entries(),
                    [&](const ConfigNode::Entry& entry) { return entry.key == parts[i]; });
      return;
    }
    node = &child(*node, parts[i], path, mark);
    mark.column += mark.length + 1;
  }
  merge_into(*node, value, path);
}

}  // namespace dl
