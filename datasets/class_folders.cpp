#include "datasets/class_folders.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string_view>

#include "datasets/data_file.h"
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

std::string small_letters(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string name_of(const std::string& path) { return fs::path(path).filename().string(); }

bool is_of(const FileKind& kind, const std::string& name) {
  const std::string ending = small_letters(fs::path(name).extension().string());
  return std::ranges::find(kind.endings, ending) != kind.endings.end();
}

/// ".jpg, .jpeg or .png"
std::string endings_text(const FileKind& kind) {
  std::string text;
  for (std::size_t i = 0; i < kind.endings.size(); ++i) {
    if (i > 0) text += i + 1 == kind.endings.size() ? " or " : ", ";
    text += kind.endings[i];
  }
  return text;
}

/// The files of a folder, with those in its folders' folders.
struct FolderFiles {
  const FileKind& kind;
  std::vector<std::string> found = {};
  std::size_t others = 0;

  /// Of root/folder, or of root itself.
  void collect(const std::string& root, const std::string& folder, int depth) {
    if (depth > kMaxDepth) {
      fail(below(root, folder), "lies more than " + std::to_string(kMaxDepth) +
                                    " folders deep; does a link lead in a circle?");
    }
    for (const Entry& entry : entries_of(below(root, folder))) {
      const std::string path = folder.empty() ? entry.name : below(folder, entry.name);
      if (entry.folder) {
        collect(root, path, depth + 1);
      } else if (is_of(kind, entry.name)) {
        found.push_back(path);
      } else {
        ++others;
      }
    }
  }
  /// Throws UserError when `place` holds none.
  void finish(const std::string& place) {
    if (found.empty()) {
      fail(place, "holds no " + std::string(kind.name) + " (" + endings_text(kind) +
                      "); files of other kinds: " + std::to_string(others));
    }
    std::sort(found.begin(), found.end());
  }
};

std::string shown(std::span<const std::string> classes) {
  const std::size_t count = std::min(classes.size(), kClassesShown);
  const std::string names = join(classes.first(count), ", ");
  return count == classes.size() ? names : names + ", ... (" + std::to_string(classes.size()) + ")";
}

std::vector<std::string> folders_in(const std::string& folder, const FileKind& kind) {
  std::vector<std::string> classes;
  for (const Entry& entry : entries_of(folder)) {
    if (!entry.folder) continue;
    if (!is_text(entry.name)) {
      fail(folder, "the name of the folder '" + entry.name + "' is not printable UTF-8",
           "classes are called by their folders: rename it");
    }
    classes.push_back(entry.name);
  }
  if (classes.empty())
    fail(folder, "holds no folders: each class needs one with its " + std::string(kind.name) + "s");
  return classes;
}

/// Which split a folder of that name is; none: it is no split.
std::string* place_of(const std::string& name, SplitFolders& splits) {
  const std::string word = small_letters(name);
  if (word == "train") return &splits.train;
  if (word == "valid" || word == "val" || word == "validation") return &splits.valid;
  return word == "test" ? &splits.test : nullptr;
}

void note_loose_files(const std::string& folder, const FileKind& kind,
                      std::vector<std::string>& notes) {
  std::string first;
  std::size_t count = 0;
  for (const Entry& entry : entries_of(folder)) {
    if (entry.folder || !is_of(kind, entry.name)) continue;
    if (count++ == 0) first = escaped(entry.name);
  }
  if (count == 0) return;
  notes.push_back(folder + ": " + std::to_string(count) + " " + std::string(kind.name) +
                  (count == 1 ? " is" : "s are") + " in no class's folder and not read (first " +
                  first + ")");
}

void expect_only(std::span<const std::string> classes, const std::string& folder,
                 const FileKind& kind) {
  const std::set<std::string_view> known(classes.begin(), classes.end());
  for (const std::string& name : folders_in(folder, kind)) {
    if (known.count(name) > 0) continue;
    fail(below(folder, name),
         "'" + name + "' is none of the classes, " + shown(classes) + did_you_mean(name, classes));
  }
}

}  // namespace

const std::string& SplitFolders::of(Split split) const {
  return split == Split::train ? train : split == Split::valid ? valid : test;
}

SplitFolders find_splits(const std::string& folder, const std::string& hint) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) throw MissingData(folder + ": there is no such folder", hint);
  if (!fs::is_directory(status)) fail(folder, "is no folder", hint);
  SplitFolders splits;
  for (const Entry& entry : entries_of(folder)) {
    std::string* place = entry.folder ? place_of(entry.name, splits) : nullptr;
    if (!place) continue;
    if (!place->empty()) {
      fail(folder,
           "has both " + name_of(*place) + "/ and " + entry.name +
               "/, which stand for one split: which is meant?",
           hint);
    }
    *place = below(folder, entry.name);
  }
  if (splits.train.empty() && splits.valid.empty() && splits.test.empty()) splits.train = folder;
  return splits;
}

std::vector<std::string> notes_on_unread(const std::string& folder, const SplitFolders& splits,
                                         const FileKind& kind) {
  std::vector<std::string> notes, beside;
  if (splits.train != folder) {
    SplitFolders ignored;
    for (const Entry& entry : entries_of(folder)) {
      if (entry.folder && !place_of(entry.name, ignored))
        beside.push_back(escaped(entry.name) + "/");
    }
    if (!beside.empty()) {
      notes.push_back(folder + ": " + shown(beside) + (beside.size() == 1 ? " is" : " are") +
                      " not read: only train/, valid/ and test/ are, where one of them is there");
    }
    note_loose_files(folder, kind, notes);
  }
  for (const std::string* split : {&splits.train, &splits.valid, &splits.test}) {
    if (!split->empty()) note_loose_files(*split, kind, notes);
  }
  return notes;
}

std::vector<std::string> class_folders(const SplitFolders& splits, const FileKind& kind) {
  for (const std::string* folder : {&splits.train, &splits.valid, &splits.test}) {
    if (!folder->empty()) return folders_in(*folder, kind);
  }
  return {};
}

LabelledFiles list_files(const std::string& folder, std::span<const std::string> classes,
                         bool all_classes, const FileKind& kind) {
  expect_only(classes, folder, kind);
  LabelledFiles list;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::string& name = classes[label];
    if (!is_folder(below(folder, name))) {
      if (all_classes) fail(folder, "there is no folder for the class '" + name + "'");
      continue;
    }
    FolderFiles files{kind};
    files.collect(folder, name, 1);
    files.finish(below(folder, name));
    for (std::string& path : files.found) {
      list.files.push_back(std::move(path));
      list.labels.push_back(static_cast<std::int32_t>(label));
    }
  }
  return list;
}

std::vector<std::string> files_below(const std::string& folder, const FileKind& kind) {
  FolderFiles files{kind};
  files.collect(folder, "", 0);
  files.finish(folder);
  return std::move(files.found);
}

void check_classes(const ConfigNode& node, std::span<const std::string> classes, bool folders) {
  const ConfigNode* list = node.find("classes");
  if (!list) return;
  if (classes.empty()) throw UserError(list->mark(), "classes: is empty");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string& name = classes[i];
    const Mark& mark = list->items()[i].mark();
    if (folders && (name.empty() || name[0] == '.' || name.find('/') != std::string::npos))
      throw UserError(mark, "classes: '" + name + "' is no name of a folder");
    if (!seen.insert(name).second)
      throw UserError(mark, "classes: '" + name + "' stands here twice");
  }
}

void set_classes(DataSpec& spec, std::vector<std::string> names) {
  spec.classes = std::nullopt;
  if (!names.empty()) spec.classes = static_cast<std::int64_t>(names.size());
  spec.class_names = std::move(names);
}

void complete_classes(const DataSpec& spec, ConfigNode& params) {
  if (params.find("classes") || spec.class_names.empty()) return;
  std::vector<ConfigNode> names;
  for (const std::string& name : spec.class_names)
    names.push_back(ConfigNode::scalar(name, params.mark(), true));
  params.entries().push_back(
      {"classes", params.mark(), ConfigNode::list(std::move(names), params.mark())});
}

}  // namespace dl
