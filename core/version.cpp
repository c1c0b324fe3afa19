#include "core/version.h"

namespace dl {

std::string_view version() { return DLTOOL_VERSION; }

}  // namespace dl
