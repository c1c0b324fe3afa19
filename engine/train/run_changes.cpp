#include "engine/train/run_changes.h"

#include <algorithm>
#include <filesystem>

#include "core/text.h"
#include "engine/config/yaml_file.h"
#include "engine/config/yaml_text.h"
#include "engine/train/run_identity.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

std::string key_of(const std::string& set) { return set.substr(0, set.find('=')); }
std::string value_of(const std::string& set) {
  const std::size_t equals = set.find('=');
  return equals == std::string::npos ? "" : set.substr(equals + 1);
}

/// Dollars are doubled in a resolved config, and yaml_text() doubles them again.
void undouble_dollars(ConfigNode& node) {
  if (node.is_scalar()) {
    std::string text = node.text();
    for (std::size_t at = 0; (at = text.find("$$", at)) != std::string::npos; ++at)
      text.erase(at, 1);
    node = ConfigNode::scalar(std::move(text), node.mark(), node.quoted());
  }
  for (ConfigNode& item : node.items()) undouble_dollars(item);
  for (ConfigNode::Entry& entry : node.entries()) undouble_dollars(entry.value);
}

ConfigNode tree_of(const std::string& text) {
  Problems problems;
  ConfigNode root =
      parse_yaml(std::make_shared<const SourceFile>("config.resolved.yaml", text), problems);
  problems.throw_if_any();
  undouble_dollars(root);
  return root;
}

/// Makes `to` have under that key what `from` has there.
void graft(ConfigNode& to, const ConfigNode* from, std::span<const std::string> key) {
  if (key.empty()) {
    to = from ? *from : ConfigNode();
    return;
  }
  const ConfigNode* found = from ? from->find(key[0]) : nullptr;
  if (!to.is_map()) to = ConfigNode::map({}, {});
  if (!found) {
    std::erase_if(to.entries(),
                  [&](const ConfigNode::Entry& entry) { return entry.key == key[0]; });
    return;
  }
  if (!to.find(key[0])) to.entries().push_back({key[0], {}, ConfigNode()});
  graft(*to.find(key[0]), found, key.subspan(1));
}

}  // namespace

std::vector<std::string> allowed_changes(std::span<const std::string> sets) {
  std::vector<std::string> allowed;
  for (const std::string& set : sets) {
    const std::string key = key_of(set), text = value_of(set);
    const ConfigNode value = ConfigNode::scalar(text, {});
    if (!may_change(key, value)) {
      throw UserError(ExitCode::command_line,
                      "--set " + set + ": a resumed run may change only " + kMayChange);
    }
    std::error_code error;
    const bool here =
        is_data_path(key, value) && !fs::path(text).is_absolute() && fs::exists(text, error);
    allowed.push_back(here ? key + "=" + yaml_string(fs::absolute(text).lexically_normal().string())
                           : set);
  }
  return allowed;
}

std::string with_changes(const std::string& before, const std::string& after,
                         std::span<const std::string> sets) {
  ConfigNode root = tree_of(before);
  const ConfigNode changed = tree_of(after);
  for (const std::string& set : sets) graft(root, &changed, split(key_of(set), '.'));
  return yaml_text(root);
}

}  // namespace dl
