#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// Those of tests/errors that say `# check: program`: what no reader of the config alone can find.
// See tests/config/error_table_test.cpp.
namespace dl::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("every bad config that only the program can refuse leads to its message") {
  const fs::path errors = fs::path(dl::test::source_path("tests/errors"));
  int found = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(errors)) {
    if (entry.path().extension() != ".yaml") continue;
    if (read_file(entry.path()).find("# check: program\n") == std::string::npos) continue;
    ++found;
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    const ProgramResult result =
        run_program(dl::test::dltool_binary(), {"check", name}, errors.string());
    CHECK(result.exit_code == 3);
    const fs::path expected = fs::path(entry.path()).replace_extension(".expected");
    if (std::getenv("DLTOOL_UPDATE_EXPECTED")) std::ofstream(expected) << result.err;
    CHECK(result.err == read_file(expected));
  }
  CHECK(found >= 1);
}

}  // namespace dl::test
