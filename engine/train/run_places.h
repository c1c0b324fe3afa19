#pragma once

#include <string>
#include <vector>

namespace dl {

/// Whether a folder is a run's.
bool is_run_folder(const std::string& path);

/// The runs that lie in `folder`, by name.
std::vector<std::string> runs_in(const std::string& folder);

/// For a path where a run was expected, what there is instead: "it holds 3 runs, the newest of
/// which is runs/digits-003". "" where there is nothing to say.
std::string run_hint(const std::string& path);

}  // namespace dl
