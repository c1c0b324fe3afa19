#include "engine/train/environment.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/data_files.h"

namespace dl {
namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;

/// A tree of cgroups in a folder.
struct Groups {
  test::TempFolder folder;

  void limit(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = folder / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  std::size_t limit_of(const std::string& lines) const {
    std::ofstream(folder / "self") << lines;
    return memory_limit_bytes(folder.path(), folder / "self");
  }
};

}  // namespace

TEST_CASE("the least memory limit of a process's cgroup and those above it counts") {
  const Groups groups;
  const std::size_t machine = groups.limit_of("0::/\n");
  REQUIRE(machine > 8 * kMib);
  groups.limit("memory.max", "max");
  groups.limit("a/memory.max", std::to_string(4 * kMib));
  groups.limit("a/b/memory.max", "max");
  groups.limit("other/memory.max", std::to_string(kMib));
  CHECK(groups.limit_of("0::/\n") == machine);
  CHECK(groups.limit_of("0::/a\n") == 4 * kMib);
  CHECK(groups.limit_of("0::/a/b\n") == 4 * kMib);
  CHECK(groups.limit_of("0::/a/b/is/not/mounted/here\n") == 4 * kMib);
  groups.limit("a/b/memory.max", std::to_string(2 * kMib));
  CHECK(groups.limit_of("0::/a/b\n") == 2 * kMib);
  groups.limit("memory/c/memory.limit_in_bytes", std::to_string(3 * kMib));
  CHECK(groups.limit_of("9:cpu,cpuacct:/c\n4:memory:/c\n0::/\n") == 3 * kMib);
  CHECK(groups.limit_of("4:hugetlb,memory:/c/d\n") == 3 * kMib);
}

TEST_CASE("a list of cgroups that cannot be read leaves the machine's memory") {
  const Groups groups;
  const std::size_t machine = groups.limit_of("");
  for (const char* lines : {"nonsense\n", ":\n", "::\n", "0::\n", "0::relative\n"})
    CHECK(groups.limit_of(lines) == machine);
}

}  // namespace dl
