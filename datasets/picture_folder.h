#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dl {

// Pictures as people keep them: a folder for each class, perhaps below train/, valid/ and test/.
// Whatever begins with a dot is left out. All errors are UserError (ExitCode::data) that name the
// folder.

/// The folders of the splits; "" where there is none.
struct PictureSplits {
  std::string train, valid, test;
};
/// train/, valid/ or val/, and test/ below `folder`; where none of them is there, `folder` itself
/// is train.
PictureSplits find_splits(const std::string& folder);

/// The names of the folders in `folder`, sorted by their bytes; at least one.
std::vector<std::string> class_folders(const std::string& folder);

/// The pictures of a split: their paths below its folder, and the numbers of their classes.
struct PictureList {
  std::vector<std::string> files;
  std::vector<std::int32_t> labels;
};
/// Class by class, in each sorted by the bytes of their paths, so that the order does not depend on
/// the file system. A folder that is no class is an error, as is a class without a picture; one
/// that has not even a folder is one where `all_classes` must be there.
PictureList list_pictures(const std::string& folder, std::span<const std::string> classes,
                          bool all_classes);

}  // namespace dl
