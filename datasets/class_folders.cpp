#include "datasets/class_folders.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/text.h"
#include "datasets/data_file.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kClassesShown = 10;
constexpr std::size_t kNamesGlanced = 20'000;
constexpr int kLevelsBelow = 4;  // where a better folder is looked for

[[noreturn]] void fail(const std::string& path, const std::string& message,
                       const std::string& hint = {}) {
  throw UserError(ExitCode::data, path + ": " + message, hint);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::string name_of(const std::string& path) { return fs::path(path).filename().string(); }

std::string shown(std::span<const std::string> names) {
  const std::size_t count = std::min(names.size(), kClassesShown);
  const std::string text = join(names.first(count), ", ");
  return count == names.size() ? text : text + ", ... (" + std::to_string(names.size()) + ")";
}

/// "1 image is", "2 images are"
std::string counted(std::size_t count, const FileKind& kind) {
  return std::to_string(count) + " " + std::string(kind.name) + (count == 1 ? " is" : "s are");
}

/// Which split a folder of that name is.
std::optional<Split> split_of(const std::string& name) {
  const std::string word = lower_case(name);
  if (word == "train" || word == "training") return Split::train;
  if (word == "valid" || word == "val" || word == "validation") return Split::valid;
  if (word == "test" || word == "testing") return Split::test;
  return std::nullopt;
}

/// Which split one of the words of a name stands for: training_set, seg_test.
std::optional<Split> split_within(const std::string& name) {
  std::string word;
  for (const char c : name + "_") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += c;
      continue;
    }
    if (word.size() > 3 && lower_case(word).ends_with("set")) word.resize(word.size() - 3);
    if (const auto split = split_of(word)) return split;
    word.clear();
  }
  return std::nullopt;
}

std::string& place_of(SplitFolders& splits, Split split) {
  return split == Split::train ? splits.train : split == Split::valid ? splits.valid : splits.test;
}

/// path: 'data/images' looks right: its folders are cat, dog
std::string looks_right(const std::string& folder, std::span<const std::string> classes) {
  return "path: '" + folder + "' looks right: its folders are " + shown(classes);
}

/// The folders of `folder`, or of its train/, that hold files.
std::vector<std::string> classes_in(const std::string& folder, Glance& glance) {
  std::vector<std::string> filled = glance.filled_folders(folder);
  const auto train = std::ranges::find_if(
      filled, [](const std::string& name) { return split_of(name) == Split::train; });
  return train == filled.end() ? filled : glance.filled_folders(below(folder, *train));
}

/// Throws where the folders are splits under other names: a network would learn to tell train from
/// test.
void expect_no_splits(const std::string& folder, std::span<const std::string> classes) {
  const auto stands_for = [&](bool train) {
    return std::ranges::find_if(classes, [&](const std::string& name) {
      const auto split = split_within(name);
      return split && (*split == Split::train) == train;
    });
  };
  const auto train = stands_for(true), other = stands_for(false);
  if (train == classes.end() || other == classes.end()) return;
  fail(folder, "its folders " + *other + " and " + *train + " look like splits, not like classes",
       "splits are called train/, valid/ and test/, with a folder for each class in each; where "
       "those are classes, list all of them in the source: classes: [" +
           shown(classes) + "]");
}

/// Where all files lie in folders that are called alike in each class (2023/cat, 2024/cat), those
/// may be the classes: a sentence, or "".
std::string note_on_folders_alike(const std::string& folder, std::span<const std::string> classes,
                                  std::span<const std::string> files) {
  std::map<std::string, std::set<std::string>> inner;  // by class
  for (const std::string& file : files) {
    const std::size_t first = file.find('/'), second = file.find('/', first + 1);
    if (second == std::string::npos) return {};
    inner[file.substr(0, first)].insert(file.substr(first + 1, second - first - 1));
  }
  std::vector<std::string> shared;
  for (const std::string& name : inner.begin()->second) {
    const auto has = [&](const auto& of_class) { return of_class.second.contains(name); };
    if (std::ranges::all_of(inner, has)) shared.push_back(escaped(name));
  }
  if (inner.size() < 2 || shared.size() < 2) return {};
  return folder + ": the classes are its folders, " + shown(classes) + ", and the folders " +
         shown(shared) + " in each of them are not told apart";
}

}  // namespace

const std::string& SplitFolders::of(Split split) const {
  return split == Split::train ? train : split == Split::valid ? valid : test;
}

ParamTable<ClassFolderParams> class_folder_table() {
  return {
      with_default("classes", &ClassFolderParams::classes,
                   "the classes in the order of the labels; defaults to all that train has, "
                   "sorted by their bytes"),
      with_default("ignore", &ClassFolderParams::ignore,
                   "names of folders that are not read: of a split (test), or of a class in any "
                   "split"),
      with_default("allow_empty", &ClassFolderParams::allow_empty,
                   "whether a class of train may have no files: true keeps it as a class, as "
                   "torchvision's ImageFolder does, false is an error"),
  };
}

ClassFolders::ClassFolders(const FileKind& kind, std::string folder, ClassFolderParams params,
                           std::string hint)
    : kind_(kind), folder_(std::move(folder)), params_(std::move(params)), hint_(std::move(hint)) {}

SplitFolders ClassFolders::find_splits() const {
  std::error_code error;
  const fs::file_status status = fs::status(folder_, error);
  if (!fs::exists(status)) throw MissingData(folder_ + ": there is no such folder", hint_);
  if (!fs::is_directory(status)) fail(folder_, "is no folder", hint_);
  SplitFolders splits;
  for (const FolderEntry& entry : entries_of(folder_)) {
    const auto split = takes(entry) ? split_of(entry.name) : std::nullopt;
    if (!split) continue;
    std::string& place = place_of(splits, *split);
    if (!place.empty()) {
      fail(folder_,
           "has both " + name_of(place) + "/ and " + entry.name +
               "/, which stand for one split: which is meant?",
           "ignore: [" + entry.name + "], in the source, leaves that one out");
    }
    place = below(folder_, entry.name);
  }
  const bool none = splits.train.empty() && splits.valid.empty() && splits.test.empty();
  if (none || is_class_called_train(splits)) splits = {.train = folder_, .valid = {}, .test = {}};
  leave_out_unlabelled(splits, Split::valid);
  leave_out_unlabelled(splits, Split::test);
  note_unread(splits);
  note_unknown_ignored(splits);
  return splits;
}

bool ClassFolders::takes(const FolderEntry& entry) const {
  return entry.folder && !entry.hidden() &&
         std::ranges::find(params_.ignore, entry.name) == params_.ignore.end();
}

/// A vehicle beside others: train/ has files and no folders, and so has what stands beside it.
bool ClassFolders::is_class_called_train(const SplitFolders& splits) const {
  if (splits.train.empty() || !splits.valid.empty() || !splits.test.empty()) return false;
  Glance glance(kind_);
  if (!glance.holds_files(splits.train) || !glance.filled_folders(splits.train).empty())
    return false;
  return std::ranges::any_of(entries_of(folder_), [&](const FolderEntry& entry) {
    return takes(entry) && !split_of(entry.name) && glance.holds_files(below(folder_, entry.name));
  });
}

/// Archives often hold test files without classes, which can be predicted only.
void ClassFolders::leave_out_unlabelled(SplitFolders& splits, Split split) const {
  std::string& place = place_of(splits, split);
  if (place.empty()) return;
  Glance glance(kind_);
  const std::string kinds = std::string(kind_.name) + "s";
  std::size_t loose = 0;
  bool classes = false;
  for (const FolderEntry& entry : entries_of(place)) {
    if (takes(entry))
      classes = classes || glance.holds_files_below(below(place, entry.name));
    else if (is_of(kind_, place, entry) || is_of_other_format(kind_, entry))
      ++loose;
    if (classes) return;
  }
  if (loose == 0) {
    splits.notes.push_back(place + ": holds no " + kinds + " and is left out");
  } else if (split == Split::test) {
    splits.notes.push_back(place + ": its " + counted(loose, kind_) +
                           " in no class's folder, so that the test set has no labels and is left "
                           "out; 'dltool predict RUN " +
                           place + "' predicts it");
  } else {
    fail(place,
         "its " + counted(loose, kind_) +
             " in no class's folder, and without classes they "
             "cannot validate",
         "give it a folder for each class, or leave it out: ignore: [" + name_of(place) +
             "], in the source");
  }
  place.clear();
}

void ClassFolders::note_unread(SplitFolders& splits) const {
  if (splits.train != folder_) {
    std::vector<std::string> beside;
    for (const FolderEntry& entry : entries_of(folder_)) {
      if (takes(entry) && !split_of(entry.name)) beside.push_back(escaped(entry.name) + "/");
    }
    if (!beside.empty()) {
      splits.notes.push_back(folder_ + ": " + shown(beside) +
                             (beside.size() == 1 ? " is" : " are") +
                             " not read: only train/, valid/ and test/ are, where one of them is "
                             "there");
    }
    note_loose_files(folder_, splits.notes);
  }
  for (const std::string* split : {&splits.train, &splits.valid, &splits.test}) {
    if (!split->empty()) note_loose_files(*split, splits.notes);
  }
}

/// What is to be ignored and is not there may be a misspelled name, or have gone since.
void ClassFolders::note_unknown_ignored(SplitFolders& splits) const {
  if (params_.ignore.empty()) return;
  std::vector<std::string> names;
  for (const std::string& folder : {folder_, splits.train, splits.valid, splits.test}) {
    if (folder.empty()) continue;
    for (const FolderEntry& entry : entries_of(folder)) names.push_back(entry.name);
  }
  for (const std::string& name : params_.ignore) {
    if (std::ranges::find(names, name) != names.end()) continue;
    splits.notes.push_back(folder_ + ": ignore: there is no folder '" + escaped(name) + "'" +
                           did_you_mean(name, names));
  }
}

void ClassFolders::note_loose_files(const std::string& folder,
                                    std::vector<std::string>& notes) const {
  std::string first;
  std::size_t count = 0;
  for (const FolderEntry& entry : entries_of(folder)) {
    if (!is_of(kind_, folder, entry) && !is_of_other_format(kind_, entry)) continue;
    if (count++ == 0) first = escaped(entry.name);
  }
  if (count == 0) return;
  notes.push_back(folder + ": " + counted(count, kind_) +
                  " in no class's folder and not read (first " + first + ")");
}

std::vector<std::string> ClassFolders::folders_in(const std::string& folder) const {
  std::vector<std::string> classes;
  for (const FolderEntry& entry : entries_of(folder)) {
    if (!takes(entry)) continue;
    if (!is_text(entry.name)) {
      fail(folder, "the name of the folder '" + entry.name + "' is not printable UTF-8",
           "classes are called by their folders: rename it");
    }
    classes.push_back(entry.name);
  }
  return classes;
}

std::vector<std::string> ClassFolders::classes(const SplitFolders& splits) const {
  for (const std::string* folder : {&splits.train, &splits.valid, &splits.test}) {
    if (folder->empty()) continue;
    std::vector<std::string> found = folders_in(*folder);
    if (found.empty()) {
      fail(*folder,
           "holds no folders: each class needs one with its " + std::string(kind_.name) + "s",
           better_folder());
    }
    expect_no_splits(*folder, found);
    return found;
  }
  return {};
}

void ClassFolders::expect_only(std::span<const std::string> classes, const std::string& folder,
                               Split split) const {
  const std::set<std::string_view> known(classes.begin(), classes.end());
  for (const std::string& name : folders_in(folder)) {
    if (known.contains(name)) continue;
    const std::string ignore = "ignore: [" + name + "], in the source, leaves it out";
    fail(below(folder, name),
         "'" + name + "' is none of the classes, " + shown(classes) + did_you_mean(name, classes),
         split == Split::train || folder == folder_ ? ignore
                                                    : ignore + "; ignore: [" + name_of(folder) +
                                                          "] all of that split, which 'dltool "
                                                          "predict RUN " +
                                                          folder + "' predicts all the same");
  }
}

FolderFiles ClassFolders::files_of(const std::string& folder, const std::string& name,
                                   bool must_have) const {
  const std::string place = below(folder, name);
  if (!is_folder(place)) {
    if (must_have) fail(folder, "there is no folder for the class '" + name + "'");
    return {};
  }
  FolderFiles files = files_in(place, kind_);
  if (files.found.empty() && must_have) {
    fail_without_files(place, files.unread, kind_,
                       "allow_empty: true, in the source, keeps it as a class without training "
                       "samples; ignore: [" +
                           name + "] leaves it out");
  }
  return files;
}

LabelledFiles ClassFolders::list(const SplitFolders& splits, Split split,
                                 std::span<const std::string> classes) const {
  const std::string& folder = splits.of(split);
  if (folder.empty()) fail(folder_, "there is no folder " + std::string(split_name(split)) + "/");
  expect_only(classes, folder, split);
  const bool must_have = split == Split::train && !params_.allow_empty;
  LabelledFiles list;
  UnreadFiles unread;
  for (const FolderEntry& entry : entries_of(folder)) {
    if (entry.folder && entry.hidden()) unread.add(entry);
  }
  std::vector<std::string> empty;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const FolderFiles files = files_of(folder, classes[label], must_have);
    const bool expected = split == Split::train || is_folder(below(folder, classes[label]));
    if (files.found.empty() && expected) empty.push_back(escaped(classes[label]));
    unread.add(files.unread);
    for (const std::string& path : files.found) {
      list.files.push_back(below(classes[label], path));
      list.labels.push_back(static_cast<std::int32_t>(label));
    }
  }
  if (list.files.empty()) fail_without_files(folder, unread, kind_);
  if (!empty.empty()) {
    list.notes.push_back(folder + ": no " + std::string(kind_.name) + " is in the folder" +
                         (empty.size() == 1 ? " " : "s ") + shown(empty));
  }
  for (const std::string& note : {unread_note(folder, unread, list.files.size(), kind_),
                                  note_on_folders_alike(folder, classes, list.files)}) {
    if (!note.empty()) list.notes.push_back(note);
  }
  return list;
}

/// Where two classes or more are found: below the folder, or where it is a class, above it.
std::string ClassFolders::better_folder() const {
  Glance glance(kind_, kNamesGlanced);
  std::deque<std::pair<std::string, int>> places = {{folder_, 0}};
  for (; !places.empty(); places.pop_front()) {
    const auto [folder, level] = places.front();
    const std::vector<std::string> classes = classes_in(folder, glance);
    if (level > 0 && classes.size() > 1) return looks_right(folder, classes);
    if (level == kLevelsBelow) continue;
    for (const std::string& name : glance.filled_folders(folder)) {
      const auto split = split_of(name);
      if (!split || *split == Split::train) places.emplace_back(below(folder, name), level + 1);
    }
  }
  if (!glance.holds_files(folder_)) return {};
  fs::path above = fs::path(folder_).lexically_normal();
  if (!above.has_filename()) above = above.parent_path();  // of "data/"
  if (above.parent_path().empty() || above == ".") above = fs::absolute(above).lexically_normal();
  std::string found;
  for (bool further = true; further; further = split_of(above.filename().string()).has_value()) {
    above = above.parent_path();
    const std::vector<std::string> classes = classes_in(above.string(), glance);
    if (classes.size() > 1) found = looks_right(above.string(), classes);
  }
  return found;
}

std::string ClassFolders::one_class_hint() const {
  const std::string better = better_folder();
  return better.empty()
             ? "each class has a folder of its own, with its " + std::string(kind_.name) + "s in it"
             : better;
}

}  // namespace dl
