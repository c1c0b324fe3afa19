#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dl::test {

/// Every config that dltool comes with, blocks apart, in the order of their paths.
std::vector<std::filesystem::path> shipped_configs();

/// A few samples of all data that they name, for --data; those for ImageNet take made-up ones.
void write_shipped_data(const std::string& folder);

/// The --set arguments with which a config trains so many steps on them in no time: networks for
/// large images on smaller ones and in a reduced width.
std::vector<std::string> sets_for(const std::filesystem::path& config, int steps);

}  // namespace dl::test
