#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config_node.h"

namespace dl {

/// What resume may change without changing what has been computed so far: train.epochs, stop,
/// checkpoint, threads, max_steps, log_every, skip_limit; and where the data lie.
bool may_change(const std::string& key, const ConfigNode& value);
/// Whether it says where the data lie: data.source.csv.path, with a path for its value.
bool is_data_path(const std::string& key, const ConfigNode& value);
/// What may change, for people.
inline constexpr const char* kMayChange =
    "train.epochs, stop, checkpoint, threads, max_steps, log_every and skip_limit, and the paths "
    "of data.source";

/// A digest of a resolved config without what may change: equal digests mean the same training.
std::string config_digest(const std::string& resolved_text);

/// Whether `digest` is that of this resolved config; it may have been made by an older version.
bool is_digest_of(const std::string& digest, const std::string& resolved_text);

/// For every command that reads a run: throws UserError (ExitCode::config) when
/// config.resolved.yaml is not that of its newest checkpoint. `notes` gets a sentence where
/// paths.json has no checksum; what reads it looks at that.
void expect_unchanged_run(const std::string& run, std::vector<std::string>& notes);

}  // namespace dl
