#include "core/install_paths.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>

#include "core/error.h"

namespace dl {

namespace fs = std::filesystem;

namespace {

/// A folder of its own for one test case.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "dltool_test_XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~ScratchFolder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("an installed tree finds its own files before those of the source tree") {
  ScratchFolder scratch;
  const fs::path share = scratch.path() / "moved" / "share" / "dltool";
  const fs::path source = scratch.path() / "source";
  fs::create_directories(share / "datasets" / "digits");
  fs::create_directories(source / "datasets" / "digits");
  const std::string program = (scratch.path() / "moved" / "bin" / "dltool").string();
  CHECK(find_resource_folder(program, source.string()) == share.string());
  CHECK(find_resource_folder(program, "") == share.string());
}

TEST_CASE("a program in the build folder takes the source tree") {
  ScratchFolder scratch;
  fs::create_directories(scratch.path() / "datasets" / "digits");
  const std::string program = (scratch.path() / "build" / "release" / "dltool").string();
  CHECK(find_resource_folder(program, scratch.path().string()) == scratch.path().string());
}

TEST_CASE("a program that was copied away from its tree says what to do") {
  ScratchFolder scratch;
  const std::string program = (scratch.path() / "bin" / "dltool").string();
  CHECK_THROWS_WITH_AS(find_resource_folder(program, scratch.path().string()),
                       doctest::Contains("share/dltool"), UserError);
}

}  // namespace dl
