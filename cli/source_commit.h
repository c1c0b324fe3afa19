#pragma once

#include <string>

namespace dl {

/// The commit that this program was built from, "-dirty" behind it where files were changed; "" for
/// sources without git.
std::string source_commit();

}  // namespace dl
