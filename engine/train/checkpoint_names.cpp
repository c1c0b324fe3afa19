#include "engine/train/checkpoint_names.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "core/file_system.h"
#include "core/text.h"

namespace dl {

namespace fs = std::filesystem;

std::string checkpoints_of(const std::string& run) { return run + "/checkpoints"; }
std::string checkpoint_name(std::int64_t step) { return fmt::format("step-{:08}", step); }

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory)
    throw FileError("list", folder, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<FolderIdentity> folder_identity(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return FolderIdentity(info.st_dev, info.st_ino);
}

std::vector<Candidate> candidates_in(const std::string& checkpoints) {
  std::vector<Candidate> found;
  for (const std::string& name : names_in(checkpoints)) {
    const bool replaced = name.starts_with(kReplaced);
    const std::string plain = replaced ? name.substr(kReplaced.size()) : name;
    if (!plain.starts_with("step-")) continue;
    const auto step = parse_int(plain.substr(5));
    if (!step || *step < 0 || plain != checkpoint_name(*step)) continue;
    const std::string path = checkpoints + "/" + name;
    found.push_back({*step, replaced, name, path, folder_identity(path)});
  }
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(-a.step, a.replaced) < std::pair(-b.step, b.replaced);
  });
  return found;
}

std::string link_target(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

}  // namespace dl
