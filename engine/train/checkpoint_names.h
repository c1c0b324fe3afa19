#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dl {

// What stands in a run's folder checkpoints/, by name (docs/checkpoint_format.md).

/// What begins so is nobody's once its writer died.
inline constexpr std::string_view kTemporary = ".tmp-";
/// Before a checkpoint's name: it stood aside for one of the same step.
inline constexpr std::string_view kReplaced = ".old-";

std::string checkpoints_of(const std::string& run);
std::string checkpoint_name(std::int64_t step);

/// Sorted. Nothing where there is no such folder. Throws FileError where it cannot be listed.
std::vector<std::string> names_in(const std::string& folder);

/// Which folder has a name at the moment: another one may get it.
using FolderIdentity = std::pair<dev_t, ino_t>;
std::optional<FolderIdentity> folder_identity(const std::string& path);

/// A folder that has a checkpoint's name.
struct Candidate {
  std::int64_t step = 0;
  bool replaced = false;
  std::string name;
  std::string path;
  std::optional<FolderIdentity> identity;

  /// False: a writer has taken it away, or put another one in its place, since it was listed.
  bool still_there() const { return identity && folder_identity(path) == identity; }
};

/// The newest first; of one step, the one that replaced the other first. Throws FileError.
std::vector<Candidate> candidates_in(const std::string& checkpoints);

/// Where a link points; "": it is none.
std::string link_target(const std::string& path);

}  // namespace dl
