#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/sha256.h"

namespace dl {

/// What the file MANIFEST says of a checkpoint (docs/checkpoint_format.md).
struct Manifest {
  std::int64_t step = 0;
  bool best = false;  // it was the best of its run when it was saved
  std::vector<std::pair<std::string, FileDigest>> files;  // by name, in the order of writing

  /// None when the manifest does not list it.
  const FileDigest* find(const std::string& name) const;
};

std::string manifest_text(const Manifest& manifest);

/// Throws UserError (ExitCode::weights): not there, damaged, or of another version of dltool.
Manifest read_manifest(const std::string& checkpoint_folder);

}  // namespace dl
