#include "cli/source_commit.h"

#include "source_commit_text.h"  // made by cmake/source_commit.cmake

namespace dl {

std::string source_commit() { return kSourceCommit; }

}  // namespace dl
