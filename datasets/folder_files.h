#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

// What lies in a folder. Files that archives and systems leave behind (`__MACOSX`, `Thumbs.db`,
// `.DS_Store`, `._*` and the like) never count. All errors are UserError (ExitCode::data).

/// What is looked for in the folders.
struct FileKind {
  std::string_view name;                      // "image"
  std::span<const std::string_view> endings;  // ".jpg", in lower case
  /// Endings of files of this kind in other formats. Such a file is read only where `recognizes`
  /// finds that its content is of a format that can be read.
  std::span<const std::string_view> other_formats = {};
  bool (*recognizes)(const std::string& path) = nullptr;
  std::string_view remedy = {};  // what to do about other formats: a sentence without its period
};

/// One thing in a folder.
struct FolderEntry {
  std::string name;
  bool folder = false;

  bool hidden() const { return name[0] == '.'; }
};
/// What is in a folder, sorted by the bytes of the names. Links are followed.
std::vector<FolderEntry> entries_of(const std::string& folder);

/// `name` in lower case.
std::string lower_case(std::string name);
/// folder/name
std::string below(const std::string& folder, const std::string& name);

/// Files that are not read, counted by their endings; hidden files and folders count by themselves.
class UnreadFiles {
 public:
  void add(const FolderEntry& entry);
  void add(const UnreadFiles& others);
  std::size_t count() const;
  /// "9 .webp, 2 .txt, 1 hidden", the most frequent first.
  std::string text() const;
  /// Whether any is of the kind, in a format that is not read.
  bool has_other_formats(const FileKind& kind) const;

 private:
  std::map<std::string, std::size_t> counts_;  // by ending in lower case
};

/// The files of a kind in a folder and in its folders.
struct FolderFiles {
  std::vector<std::string> found;  // paths below the folder, sorted by their bytes
  UnreadFiles unread;
};
FolderFiles files_in(const std::string& folder, const FileKind& kind);

/// As files_in(); throws where there is none.
FolderFiles some_files_in(const std::string& folder, const FileKind& kind);

/// Whether a file by its ending, and where that does not decide by its content, is of the kind.
bool is_of(const FileKind& kind, const std::string& folder, const FolderEntry& entry);
/// Whether its ending is of the kind's formats that are not read.
bool is_of_other_format(const FileKind& kind, const FolderEntry& entry);

/// "folder: 11 of 20 files are not read: ...", or "" where all are.
std::string unread_note(const std::string& folder, const UnreadFiles& unread, std::size_t read,
                        const FileKind& kind);
/// "holds no image (.jpg, .jpeg or .png), but 9 .webp", and what to do as a hint.
[[noreturn]] void fail_without_files(const std::string& folder, const UnreadFiles& unread,
                                     const FileKind& kind, const std::string& hint = {});

/// Looks whether folders hold files of a kind; after `names` names of files it finds no more.
class Glance {
 public:
  explicit Glance(const FileKind& kind, std::size_t names = std::numeric_limits<std::size_t>::max())
      : kind_(kind), left_(names) {}
  /// In the folder itself; in its folders too.
  bool holds_files(const std::string& folder);
  bool holds_files_below(const std::string& folder, int depth = 0);
  /// Of the folders in `folder`, those that hold files of the kind somewhere.
  std::vector<std::string> filled_folders(const std::string& folder);

 private:
  std::vector<FolderEntry> entries(const std::string& folder);

  const FileKind& kind_;
  std::size_t left_;
};

}  // namespace dl
