#pragma once

#include <string_view>

namespace dl {

/// dltool's own version, from the build ("0.1.0").
std::string_view version();

}  // namespace dl
