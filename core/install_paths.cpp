#include "core/install_paths.h"

#include <filesystem>
#include <system_error>

#include "core/error.h"

namespace dl {

namespace fs = std::filesystem;

namespace {

bool has_resources(const fs::path& folder) {
  std::error_code unreadable;  // counts as not there
  return fs::is_directory(folder / "datasets" / "digits", unreadable);
}

}  // namespace

std::string find_resource_folder(const std::string& executable, const std::string& source_tree) {
  const fs::path installed = fs::path(executable).parent_path().parent_path() / "share" / "dltool";
  if (has_resources(installed)) return installed.string();
  if (!source_tree.empty() && has_resources(source_tree)) return source_tree;
  throw UserError(ExitCode::data, "cannot find dltool's own files: no folder " + installed.string(),
                  "move the whole installed tree (bin, lib, share), not the program alone");
}

std::string resource_folder() {
  std::error_code failed;  // then the path is empty and the source tree decides
  const fs::path executable = fs::read_symlink("/proc/self/exe", failed);
  return find_resource_folder(executable.string(), DLTOOL_SOURCE_DIR);
}

std::string get_data_hint(const std::string& name) {
  fs::path script = fs::path("scripts") / "get-data.sh";
  try {
    const fs::path whole = resource_folder() / script;
    std::error_code failed;
    const fs::path below = fs::proximate(whole, failed);
    script = failed || below.begin()->string() == ".." ? whole : below;
  } catch (const UserError&) {  // this program's own files are not there: no time to tell of that
  }
  const std::string said = script.string();
  const bool quote = said.find(' ') != std::string::npos;
  return (quote ? "'" + said + "'" : said) + " " + name + " puts it in place";
}

std::string digits_folder() {
  return (fs::path(resource_folder()) / "datasets" / "digits").string();
}

}  // namespace dl
