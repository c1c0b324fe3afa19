#pragma once

#include <string>
#include <string_view>

namespace dl {

/// A .pt file is a zip or a bare pickle, and reading one means running it. Throws UserError
/// (ExitCode::weights) where `start`, the first bytes of the file at `path`, says that it is one,
/// with the lines of Python that convert it.
void refuse_pickle(std::string_view start, const std::string& path);

}  // namespace dl
