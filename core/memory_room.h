#pragma once

#include <cstddef>

namespace dl {

/// What is left must be so much, for those who do not check what they are given. Throws UserError
/// (ExitCode::memory) where the system would not give it (ulimit -v).
void expect_memory_room(std::size_t bytes);

}  // namespace dl
