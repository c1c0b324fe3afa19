#include "datasets/picture_folder.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string_view>

#include "engine/core/error.h"
#include "engine/core/text.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 32;  // of folders below a class: links may go in circles
constexpr std::size_t kClassesShown = 10;

[[noreturn]] void fail(const std::string& path, const std::string& message,
                       const std::string& hint = {}) {
  throw UserError(ExitCode::data, path + ": " + message, hint);
}

std::string below(const std::string& folder, const std::string& name) {
  return folder + "/" + name;
}

struct Entry {
  std::string name;
  bool folder = false;
};

/// What is in a folder, sorted by the bytes of the names. Links are followed.
std::vector<Entry> entries_of(const std::string& folder) {
  std::error_code error;
  std::vector<Entry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;  // a link to nowhere is no folder
    Entry entry{it->path().filename().string(), it->is_directory(ignored)};
    if (entry.name[0] != '.') entries.push_back(std::move(entry));
  }
  if (error) fail(folder, error.message());
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_picture(const std::string& name) {
  std::string ending = fs::path(name).extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// The files of one class, with those in its folders' folders.
struct ClassFiles {
  std::vector<std::string> pictures;
  std::size_t others = 0;

  void collect(const std::string& root, const std::string& folder, int depth) {
    if (depth > kMaxDepth) {
      fail(below(root, folder), "lies more than " + std::to_string(kMaxDepth) +
                                    " folders deep; does a link lead in a circle?");
    }
    for (const Entry& entry : entries_of(below(root, folder))) {
      const std::string path = below(folder, entry.name);
      if (entry.folder) {
        collect(root, path, depth + 1);
      } else if (is_picture(entry.name)) {
        pictures.push_back(path);
      } else {
        ++others;
      }
    }
  }
};

std::string shown(std::span<const std::string> classes) {
  const std::size_t count = std::min(classes.size(), kClassesShown);
  const std::string names = join(classes.first(count), ", ");
  return count == classes.size() ? names : names + ", ... (" + std::to_string(classes.size()) + ")";
}

void expect_only(std::span<const std::string> classes, const std::string& folder) {
  const std::set<std::string_view> known(classes.begin(), classes.end());
  for (const std::string& name : class_folders(folder)) {
    if (known.count(name) > 0) continue;
    fail(below(folder, name),
         "'" + name + "' is none of the classes, " + shown(classes) + did_you_mean(name, classes));
  }
}

}  // namespace

PictureSplits find_splits(const std::string& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) fail(folder, "there is no such folder");
  if (!fs::is_directory(status)) fail(folder, "is no folder");
  const auto split = [&](const char* name) {
    const std::string path = below(folder, name);
    return is_folder(path) ? path : std::string();
  };
  PictureSplits splits{split("train"), split("valid"), split("test")};
  const std::string val = split("val");
  if (!val.empty() && !splits.valid.empty())
    fail(folder, "has both valid/ and val/: which is for validation?");
  if (!val.empty()) splits.valid = val;
  if (splits.train.empty() && splits.valid.empty() && splits.test.empty()) splits.train = folder;
  return splits;
}

std::vector<std::string> class_folders(const std::string& folder) {
  std::vector<std::string> classes;
  for (const Entry& entry : entries_of(folder)) {
    if (!entry.folder) continue;
    if (escaped(entry.name) != entry.name) {
      fail(folder, "the name of the folder '" + entry.name + "' is not printable UTF-8",
           "classes are called by their folders: rename it");
    }
    classes.push_back(entry.name);
  }
  if (classes.empty()) fail(folder, "holds no folders: each class needs one with its pictures");
  return classes;
}

PictureList list_pictures(const std::string& folder, std::span<const std::string> classes,
                          bool all_classes) {
  expect_only(classes, folder);
  PictureList list;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::string& name = classes[label];
    if (!is_folder(below(folder, name))) {
      if (all_classes) fail(folder, "there is no folder for the class '" + name + "'");
      continue;
    }
    ClassFiles files;
    files.collect(folder, name, 1);
    if (files.pictures.empty()) {
      fail(below(folder, name), "holds no picture (.jpg, .jpeg or .png); files of other kinds: " +
                                    std::to_string(files.others));
    }
    std::sort(files.pictures.begin(), files.pictures.end());
    for (std::string& path : files.pictures) {
      list.files.push_back(std::move(path));
      list.labels.push_back(static_cast<std::int32_t>(label));
    }
  }
  return list;
}

}  // namespace dl
