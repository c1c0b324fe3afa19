#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

// Files as people keep them: a folder for each class, perhaps below train/, valid/ and test/.
// Whatever begins with a dot is left out. All errors are UserError (ExitCode::data) that name the
// folder.

/// What is looked for in the folders.
struct FileKind {
  std::string_view name;                      // "picture"
  std::span<const std::string_view> endings;  // ".jpg", in small letters
};

/// The folders of the splits; "" where there is none.
struct SplitFolders {
  std::string train, valid, test;

  const std::string& of(Split split) const;
};
/// train/, valid/ (or val/ or validation/) and test/ below `folder`, in small or capital letters;
/// where none of them is there, `folder` itself is train. Two folders of one split are an error.
/// `hint`: how to come by the folder.
SplitFolders find_splits(const std::string& folder, const std::string& hint = {});

/// Sentences on what lies in `folder` and in its splits and is not read: folders beside those of
/// the splits, and files of the kind that are in no class's folder.
std::vector<std::string> notes_on_unread(const std::string& folder, const SplitFolders& splits,
                                         const FileKind& kind);

/// The names of the folders in train, or in what there is, sorted by their bytes; at least one.
std::vector<std::string> class_folders(const SplitFolders& splits, const FileKind& kind);

/// The files of a split: their paths below its folder, and the numbers of their classes.
struct LabelledFiles {
  std::vector<std::string> files;
  std::vector<std::int32_t> labels;
};
/// Class by class, in each sorted by the bytes of their paths, so that the order does not depend on
/// the file system. A folder that is no class is an error, as is a class without a file; one
/// that has not even a folder is one where `all_classes` must be there.
LabelledFiles list_files(const std::string& folder, std::span<const std::string> classes,
                         bool all_classes, const FileKind& kind);

/// The files of a folder and of the folders in it: their paths below it, sorted by their bytes; at
/// least one.
std::vector<std::string> files_below(const std::string& folder, const FileKind& kind);

/// Throws UserError at a class in the source's `classes` that stands there twice or, where classes
/// are folders, cannot be one.
void check_classes(const ConfigNode& node, std::span<const std::string> classes, bool folders);
/// Puts classes into the spec; none: they are not known.
void set_classes(DataSpec& spec, std::vector<std::string> names);
/// Puts the spec's classes into the source's entry of the config, unless they stand there.
void complete_classes(const DataSpec& spec, ConfigNode& params);

}  // namespace dl
