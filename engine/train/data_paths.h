#pragma once

#include <string>

#include "datasets/dataset.h"

namespace dl {

/// What a run keeps of where its data was, so that it is found again from any working folder.
inline constexpr const char* kDataPathsFile = "paths.json";

/// Where the data of a config lies. `@data` is `said` (what --data says), else $DLTOOL_DATA, else
/// what the run of this config keeps, else data/ beside the folder of its configs/, else ./data.
/// Relative paths start at the config, then where that run was started, then in the working folder.
/// Throws UserError (ExitCode::weights) where what the run keeps is damaged, unless `said` does
/// without it.
DataPaths data_paths(const std::string& said, const std::string& config_path);

/// What a run that starts here keeps, or one that goes on with its data elsewhere.
std::string to_json(const DataPaths& paths);

}  // namespace dl
