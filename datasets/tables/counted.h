#pragma once

#include <cstddef>
#include <string>

namespace dl {

/// "1 row", "3 rows".
inline std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace dl
