#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/class_folders.h"

namespace dl {

/// What a folder of pictures holds.
struct PictureSurvey {
  std::vector<std::string> classes;
  std::vector<std::size_t> train;       // pictures of each class, but those known to be bad
  std::size_t valid = 0, test = 0;      // pictures; 0: there is no such folder
  std::int64_t shorter = 0;             // the median of the shorter sides
  bool grey = false;                    // every one that was looked at
  std::vector<std::string> bad;         // files that cannot be read, and why
  std::vector<std::string> notes = {};  // sentences on what is not read
  std::size_t looked_at = 0;            // some of train, evenly spread

  std::size_t train_count() const;
};

/// Looks at a folder as image_folder reads it. Throws UserError (ExitCode::data) where it could
/// not.
PictureSurvey survey_pictures(const std::string& folder);

}  // namespace dl
