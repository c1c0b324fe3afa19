#include "tests/support/paths.h"

namespace dl::test {

std::string source_path(const std::string& relative) {
  return std::string(DLTOOL_SOURCE_DIR "/") + relative;
}

std::string dltool_binary() { return DLTOOL_BINARY; }

}  // namespace dl::test
