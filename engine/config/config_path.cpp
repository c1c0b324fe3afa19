#include "engine/config/config_path.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/error.h"
#include "core/install_paths.h"
#include "core/text.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOwn = "@configs";
constexpr std::size_t kMostShown = 4;

bool is_config(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

/// The configs below `folder`, relative to it, without hidden folders; not more than a glance.
std::vector<fs::path> configs_below(const fs::path& folder) {
  constexpr int kDeepest = 3, kMostEntries = 5'000;
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (int seen = 0; !error && at != fs::end(at) && seen < kMostEntries; ++seen) {
    const std::string name = at->path().filename().string();
    const bool hidden =
        name.starts_with('.') || name == "runs" || name == "data" || name == "build";
    std::error_code unreadable;
    if (at->is_directory(unreadable)) {
      if (hidden || at.depth() >= kDeepest) at.disable_recursion_pending();
    } else if (!hidden && is_config(at->path())) {
      found.push_back(at->path().lexically_relative(folder));
    }
    at.increment(error);
  }
  std::ranges::sort(found);
  return found;
}

/// Without what stands in parentheses: papers and their sections.
std::string without_asides(const std::string& text) {
  std::string plain;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (depth == 0 && !(c == ' ' && plain.ends_with(' '))) plain += c;
    if (c == ')' && depth > 0) --depth;
    const bool glued = std::string_view(",.:;").find(c) != std::string_view::npos;
    if (glued && plain.size() > 1 && plain[plain.size() - 2] == ' ')
      plain.erase(plain.size() - 2, 1);
  }
  while (plain.ends_with(' ') || plain.ends_with('.')) plain.pop_back();
  return plain;
}

/// What the comment at the top of a config says, up to the end of its first sentence.
std::string summary_of(const fs::path& path) {
  std::ifstream file(path);
  std::string text;
  for (std::string line; std::getline(file, line) && line.starts_with('#');) {
    line.erase(0, line.find_first_not_of("# "));
    text += (text.empty() ? "" : " ") + line;
  }
  text = without_asides(text);
  return text.substr(0, text.find(". "));
}

/// What stands for the working folder's and for dltool's own configs, as they can be typed.
std::vector<std::string> all_configs() {
  std::vector<std::string> all;
  for (const fs::path& path : configs_below(".")) all.push_back(path.string());
  for (const ShippedConfig& config : shipped_configs()) {
    const bool here = std::ranges::find(all, config.path.substr(1)) != all.end();
    if (!here) all.push_back(config.path);
  }
  return all;
}

/// Those that are called like `path`, with or without its folders and ending; else the one that is
/// called most nearly so.
std::vector<std::string> namesakes(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  const std::vector<std::string> all = all_configs();
  std::vector<std::string> found, names;
  for (const std::string& config : all) {
    names.push_back(fs::path(config).stem().string());
    if (names.back() == stem) found.push_back(config);
  }
  if (!found.empty()) return found;
  const auto near = nearest(stem, names);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (near && names[i] == *near) found.push_back(all[i]);
  }
  return found;
}

std::string hint_for(const std::string& path) {
  std::vector<std::string> found = namesakes(path);
  const std::string list = "dltool configs lists those that come with dltool";
  if (found.empty()) return list;
  const std::string more = found.size() > kMostShown ? ", ..." : "";
  found.resize(std::min(found.size(), kMostShown));
  return "there is " + join(found, ", ") + more + "; " + list;
}

}  // namespace

std::vector<ShippedConfig> shipped_configs() {
  std::vector<ShippedConfig> all;
  const fs::path folder = fs::path(resource_folder()) / "configs";
  for (const fs::path& path : configs_below(folder)) {
    if (*path.begin() == "blocks") continue;
    all.push_back({std::string(kOwn) + "/" + path.string(), summary_of(folder / path)});
  }
  return all;
}

std::string find_config(const std::string& path) {
  const bool own = path.starts_with(std::string(kOwn) + "/");
  const std::string place = own ? resource_folder() + "/" + path.substr(1) : path;
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (!fs::exists(status)) {
    const bool missing = !error || error == std::errc::no_such_file_or_directory;
    throw UserError(ExitCode::config,
                    "no config at '" + path + "': " + (error ? error.message() : "no such file"),
                    missing ? hint_for(path) : "");
  }
  return place;
}

}  // namespace dl
