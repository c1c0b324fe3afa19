#include "engine/train/run_identity.h"

#include <algorithm>

#include "core/sha256.h"
#include "core/text.h"
#include "datasets/dataset.h"
#include "engine/config/yaml_file.h"
#include "engine/train/checkpoint_search.h"
#include "engine/train/data_paths.h"
#include "engine/train/sealed_text.h"
#include "engine/train/train_state.h"

namespace dl {
namespace {

constexpr std::string_view kPrefix = "2:";  // of digests that leave out where the data lie

bool is_free_key(const std::string& key) {
  for (const char* allowed :
       {"epochs", "stop", "checkpoint", "threads", "max_steps", "log_every", "skip_limit"}) {
    const std::string whole = std::string("train.") + allowed;
    if (key == whole || key.starts_with(whole + ".")) return true;
  }
  return false;
}

/// The text of a config without positions, comments and what may change: equal digests mean the
/// same training.
class Canonical {
 public:
  explicit Canonical(bool with_paths) : with_paths_(with_paths) {}

  void add(const ConfigNode& node, const std::string& path) {
    if (is_free_key(path) || (!with_paths_ && is_data_path(path, node))) return;
    if (node.is_scalar()) text_ += path + "=" + node.text() + "\n";
    for (std::size_t i = 0; i < node.items().size(); ++i)
      add(node.items()[i], path + "[" + std::to_string(i) + "]");
    for (const ConfigNode::Entry& entry : node.entries())
      add(entry.value, path.empty() ? entry.key : path + "." + entry.key);
  }
  const std::string& text() const { return text_; }

 private:
  bool with_paths_;
  std::string text_;
};

std::string digest_of(const std::string& resolved_text, bool with_paths) {
  Problems problems;
  const auto file = std::make_shared<const SourceFile>("config.resolved.yaml", resolved_text);
  Canonical canonical(with_paths);
  canonical.add(parse_yaml(file, problems), "");
  return sha256_hex(canonical.text());
}

std::string read_small(const std::string& path, ExitCode code) {
  try {
    return read_file(path);
  } catch (const FileError& error) {
    throw UserError(code, error.what());
  }
}

}  // namespace

bool is_data_path(const std::string& key, const ConfigNode& value) {
  const std::vector<std::string> parts = split(key, '.');
  if (parts.size() != 4 || parts[0] != "data" || parts[1] != "source") return false;
  const auto kind = std::ranges::find(all_data_kinds(), parts[2], &DataKind::name);
  if (kind == all_data_kinds().end()) return false;
  const auto spec = std::ranges::find(kind->params, parts[3], &ParamSpec::name);
  return spec != kind->params.end() && names_a_path(*spec, value);
}

bool may_change(const std::string& key, const ConfigNode& value) {
  return is_free_key(key) || is_data_path(key, value);
}

std::string config_digest(const std::string& resolved_text) {
  return std::string(kPrefix) + digest_of(resolved_text, false);
}

bool is_digest_of(const std::string& digest, const std::string& resolved_text) {
  return digest.starts_with(kPrefix) ? digest == config_digest(resolved_text)
                                     : digest == digest_of(resolved_text, true);
}

void expect_unchanged_run(const std::string& run, std::vector<std::string>& notes) {
  const std::string paths = run + "/" + kDataPathsFile;
  if (exists(paths)) {
    std::string note = unsealed_note(read_small(paths, ExitCode::weights), paths);
    if (!note.empty()) notes.push_back(std::move(note));
  }
  const std::string state = newest_state(run);
  if (state.empty()) return;  // nothing was saved yet, or nothing of it is left
  const std::string config = run + "/config.resolved.yaml";
  const auto glance = glance_at_state(state);
  if (glance && is_digest_of(glance->config_digest, read_small(config, ExitCode::config))) return;
  throw UserError(ExitCode::config, config + " has changed since the checkpoint was saved",
                  std::string("only ") + kMayChange + " may change, by resume --set");
}

}  // namespace dl
