#include "engine/train/resume_rules.h"

#include "engine/config/yaml_file.h"
#include "engine/core/sha256.h"

namespace dl {
namespace {

/// The text of a config without positions, comments and what may change: equal digests mean the
/// same training.
void write_canonical(const ConfigNode& node, const std::string& path, std::string& out) {
  if (may_change(path)) return;
  if (node.is_scalar()) out += path + "=" + node.text() + "\n";
  for (std::size_t i = 0; i < node.items().size(); ++i)
    write_canonical(node.items()[i], path + "[" + std::to_string(i) + "]", out);
  for (const ConfigNode::Entry& entry : node.entries()) {
    write_canonical(entry.value, path.empty() ? entry.key : path + "." + entry.key, out);
  }
}

}  // namespace

std::string config_digest(const std::string& resolved_text) {
  Problems problems;
  const auto file = std::make_shared<const SourceFile>("config.resolved.yaml", resolved_text);
  std::string canonical;
  write_canonical(parse_yaml(file, problems), "", canonical);
  return sha256_hex(canonical);
}

bool may_change(const std::string& key) {
  for (const char* allowed :
       {"epochs", "stop", "checkpoint", "threads", "max_steps", "log_every"}) {
    const std::string whole = std::string("train.") + allowed;
    if (key == whole || key.starts_with(whole + ".")) return true;
  }
  return false;
}

std::optional<LoadedCheckpoint> newest_checkpoint(const std::string& run,
                                                  std::vector<std::string>& notes) {
  try {
    return find_checkpoint(run, Which::last, notes);
  } catch (const UserError& error) {
    if (error.code() != ExitCode::run_folder) throw;
    notes.push_back("no checkpoint was saved yet: the run starts again");
    return std::nullopt;
  }
}

}  // namespace dl
