#pragma once

#include <string>

namespace dl::test {

/// The path of `relative` in the source tree. Compiled into one file, so that all others are the
/// same in every checkout and a compiler cache serves them.
std::string source_path(const std::string& relative);

/// The program under test.
std::string dltool_binary();

}  // namespace dl::test
