#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/folder_files.h"

namespace dl {

// Files as people keep them: a folder for each class, perhaps below train/, valid/ and test/. All
// errors are UserError (ExitCode::data) that name the folder.

/// The folders of the splits; "" where there is none.
struct SplitFolders {
  std::string train, valid, test;
  /// Sentences on what is there and not read: folders beside those of the splits, files in no
  /// class's folder, a test set without labels.
  std::vector<std::string> notes = {};

  const std::string& of(Split split) const;
};

/// The files of a split: their paths below its folder, and the numbers of their classes.
struct LabelledFiles {
  std::vector<std::string> files;
  std::vector<std::int32_t> labels;
  std::vector<std::string> notes = {};  // sentences on what is not read, and on empty classes
};

/// The keys that every source in folders has.
struct ClassFolderParams {
  std::vector<std::string> classes;
  std::vector<std::string> ignore;
  bool allow_empty = false;
};

/// A data set in folders.
class ClassFolders {
 public:
  /// `hint`: how to come by the folder.
  explicit ClassFolders(const FileKind& kind, std::string folder, ClassFolderParams params = {},
                        std::string hint = {});

  /// train/ (or training/), valid/ (or val/, validation/) and test/ (or testing/), in lower or
  /// upper case; where none of them is there, the folder itself is train. Two folders of one split
  /// are an error, as is a valid/ whose files have no classes. A test/ whose files have none, and
  /// a valid/ or test/ without any file, is left out, and `notes` tell.
  SplitFolders find_splits() const;
  /// The names of the folders in train, or in what there is, sorted by their bytes; at least one.
  std::vector<std::string> classes(const SplitFolders& splits) const;
  /// Class by class, in each sorted by the bytes of their paths, so that the order does not depend
  /// on the file system. A folder that is no class is an error; so is a class of train without a
  /// file, unless those are allowed.
  LabelledFiles list(const SplitFolders& splits, Split split,
                     std::span<const std::string> classes) const;
  /// What to do where there is one class only: which folder looks right.
  std::string one_class_hint() const;

 private:
  bool takes(const FolderEntry& entry) const;
  std::vector<FolderEntry> entries(const std::string& folder) const;
  std::vector<std::string> folders_in(const std::string& folder) const;
  bool is_class_called_train(const SplitFolders& splits) const;
  void leave_out_unlabelled(SplitFolders& splits, Split split) const;
  void note_unread(SplitFolders& splits) const;
  void note_unknown_ignored(SplitFolders& splits) const;
  void note_loose_files(const std::string& folder, std::vector<std::string>& notes) const;
  void expect_only(std::span<const std::string> classes, const std::string& folder,
                   Split split) const;
  FolderFiles files_of(const std::string& folder, const std::string& name, bool must_have) const;
  std::string better_folder() const;

  const FileKind& kind_;
  std::string folder_;
  ClassFolderParams params_;
  std::string hint_;
};

ParamTable<ClassFolderParams> class_folder_table();

/// `rows` become keys of P, which is a ClassFolderParams and more.
template <class P>
void append(ParamTable<P>& table, const ParamTable<ClassFolderParams>& rows) {
  for (const Param<ClassFolderParams>& row : rows) table.push_back({row.spec, row.read});
}

}  // namespace dl
